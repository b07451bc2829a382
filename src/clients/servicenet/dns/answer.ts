import { isIPv4, isIPv6 } from "node:net";
import type { Answer, Packet, Question } from "dns-packet";
import type { Service } from "../service.ts";

/** The domain of all services, the default of clusters. */
export const clusterDomain = "cluster.local";

/** Seconds for which an answer may be cached, as in clusters. */
const ttl = 5;

/** Whether the resolver is authoritative for a name. */
export function isOwn(name: string): boolean {
  const lower = name.toLowerCase();
  return lower === clusterDomain || lower.endsWith(`.${clusterDomain}`);
}

/**
 * The answer to a question about {@link clusterDomain}
 * (https://github.com/kubernetes/dns/blob/master/docs/specification.md).
 */
export function answerOf({ name, type }: Question, services: readonly Service[]): Partial<Packet> {
  const found = recordsOf(name.toLowerCase(), services);
  if (found === undefined) return { rcode: "NXDOMAIN", authorities: [authority()] } as Partial<Packet>;
  const { addresses, ports, alias } = found;
  if (alias !== undefined) return { answers: [{ name, type: "CNAME", ttl, data: alias }] };
  const answers: readonly Answer[] =
    type === "SRV"
      ? ports.map(({ port, target }) => ({
          name,
          type,
          ttl,
          data: { port, target, priority: 0, weight: 100 },
        }))
      : addresses
          .filter(type === "A" ? isIPv4 : type === "AAAA" ? isIPv6 : () => false)
          .map((data) => ({ name, type: type === "AAAA" ? "AAAA" : "A", ttl, data }));
  return answers.length === 0 ? { authorities: [authority()] } : { answers: [...answers] };
}

type Records = {
  readonly addresses: readonly string[];
  readonly ports: readonly { readonly port: number; readonly target: string }[];
  /** Set if it is an alias for this name. */
  readonly alias?: string;
};

/** The records of a name; undefined if it does not exist. */
function recordsOf(name: string, services: readonly Service[]): Records | undefined {
  const labels = name.slice(0, -clusterDomain.length - 1).split(".");
  if (labels.at(-1) !== "svc") return name === clusterDomain ? { addresses: [], ports: [] } : undefined;
  const [service, namespace, ...rest] = [labels.at(-3), labels.at(-2), ...labels.slice(0, -3)];
  // Intermediate names exist, but have no records.
  if (service === undefined || namespace === undefined) return { addresses: [], ports: [] };
  const found = services.find((one) => one.name === service && one.namespace === namespace);
  if (found === undefined) return undefined;
  const [first, second] = rest;
  if (found.alias !== undefined)
    return first === undefined ? { addresses: [], ports: [], alias: withoutRoot(found.alias) } : undefined;
  if (first === undefined) return { addresses: addressesOf(found), ports: portsOf(found, () => true) };
  if (second === undefined) return memberOf(found, first);
  if (rest.length > 2 || !first.startsWith("_") || !second.startsWith("_")) return undefined;
  const ports = portsOf(
    found,
    (port) => `_${port.name}` === first && `_${port.protocol.toLowerCase()}` === second,
  );
  return ports.length === 0 ? undefined : { addresses: [], ports };
}

function withoutRoot(name: string): string {
  return name.endsWith(".") ? name.slice(0, -1) : name;
}

function addressesOf({ addresses, members }: Service): readonly string[] {
  return addresses.length === 0 ? [...new Set(members.map(({ ip }) => ip))] : addresses;
}

/** The records of a pod with a host name in a headless service. */
function memberOf({ addresses, members }: Service, hostname: string): Records | undefined {
  const own = addresses.length === 0 ? members.filter((member) => member.hostname === hostname) : [];
  return own.length === 0 ? undefined : { addresses: own.map(({ ip }) => ip), ports: [] };
}

function portsOf(service: Service, isWanted: (port: Service["ports"][number]) => boolean): Records["ports"] {
  const target = `${service.name}.${service.namespace}.svc.${clusterDomain}`;
  const ports = service.ports.filter(isWanted);
  if (service.addresses.length > 0) return ports.map(({ port }) => ({ port, target }));
  const hosts = new Set(service.members.flatMap(({ hostname }) => hostname ?? []));
  const names = [...hosts].map((hostname) => `${hostname}.${target}`);
  return ports.flatMap(({ port }) =>
    (names.length === 0 ? [target] : names).map((each) => ({ port, target: each })),
  );
}

/** The SOA record, which says how long a negative answer may be cached. */
function authority(): Answer {
  return {
    name: clusterDomain,
    type: "SOA",
    ttl,
    data: {
      mname: `ns.dns.${clusterDomain}`,
      rname: `hostmaster.${clusterDomain}`,
      serial: 1,
      refresh: 7200,
      retry: 1800,
      expire: 86_400,
      minimum: ttl,
    },
  };
}
