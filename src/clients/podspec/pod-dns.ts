import { readIfThere } from "../../ground/fs/index.ts";
import type { DNSConfig } from "../../ground/protocol/index.ts";
import type { PodContext } from "./context.ts";
import type { Pod } from "./pod.ts";
import { clusterDomain } from "./pod-names.ts";

/** The resolver options of clusters: names with few dots are looked up in the search domains first. */
const clusterOptions = "options ndots:5";

/** Kubernetes' limits: resolvers in containers ignore or truncate more. */
const maxServers = 3;
const maxSearches = 32;
const maxSearchLength = 253;
const maxSearchesLength = 2048;

/** Called for what is left out, with an event's reason and message. */
export type DnsProblem = (reason: string, message: string) => void;

/**
 * The pod's DNS settings and those of its dnsPolicy: ClusterFirst means the name server of services, with the
 * machine's search domains last; Default means the machine's own; None means nothing. Without a name server
 * of services, the machine's settings are used. Undefined without any settings: the runtime then gives the
 * pod the machine's.
 */
export async function podDns(
  pod: Pod,
  { clusterDns }: Pick<PodContext, "clusterDns">,
  onProblem: DnsProblem = () => {},
): Promise<{ readonly dnsConfig?: DNSConfig }> {
  const { dnsConfig: asked, dnsPolicy = "ClusterFirst", hostNetwork } = pod.spec;
  if (dnsPolicy === "None") return { dnsConfig: withinLimits(mergeDns(asked ?? {}, ""), onProblem) };
  const isOfCluster =
    dnsPolicy === "ClusterFirstWithHostNet" || (dnsPolicy === "ClusterFirst" && hostNetwork !== true);
  const servers = isOfCluster ? await clusterDns() : [];
  if (asked === undefined && servers.length === 0) return {};
  const machine = (await readIfThere("/etc/resolv.conf")) ?? "";
  const base = servers.length === 0 ? machine : ofCluster(servers, pod.metadata.namespace, machine);
  return { dnsConfig: withinLimits(mergeDns(asked ?? {}, base), onProblem) };
}

/** The resolv.conf of a pod in a cluster. */
function ofCluster(servers: readonly string[], namespace: string, machine: string): string {
  const services = `svc.${clusterDomain}`;
  const searches = [`${namespace}.${services}`, services, clusterDomain, ...parse(machine).searches];
  const nameservers = servers.map((server) => `nameserver ${server}\n`).join("");
  return `${nameservers}search ${searches.join(" ")}\n${clusterOptions}\n`;
}

/**
 * Merges as kubelets do: the machine's settings first, but the pod's options override those of the same name.
 */
export function mergeDns(asked: NonNullable<Pod["spec"]["dnsConfig"]>, resolvConf: string): DNSConfig {
  const { nameservers = [], searches = [], options = [] } = asked;
  const machine = parse(resolvConf);
  const own = options.map(({ name, value = "" }) => (value === "" ? name : `${name}:${value}`));
  return {
    servers: unique([...machine.servers, ...nameservers]),
    searches: unique([...machine.searches, ...searches]),
    options: [...new Map([...machine.options, ...own].map((option) => [nameOf(option), option])).values()],
  };
}

/** Truncates the settings to a kubelet's limits. */
function withinLimits({ servers, searches, options }: DNSConfig, onProblem: DnsProblem): DNSConfig {
  const some = servers.slice(0, maxServers);
  const tell = (what: string, left: readonly string[]) =>
    onProblem("DNSConfigForming", `${what} have been omitted; those that are used: ${left.join(" ")}`);
  if (some.length < servers.length) tell(`more than ${maxServers} name servers: some`, some);
  const domains = searches.slice(0, maxSearches).filter(({ length }) => length <= maxSearchLength);
  while (domains.join(" ").length > maxSearchesLength) domains.pop();
  if (domains.length < searches.length)
    tell(`search domains beyond ${maxSearches}, or that are too long,`, domains);
  return { servers: some, searches: domains, options };
}

function parse(resolvConf: string) {
  const lines = resolvConf.split("\n").map((line) => line.trim().split(/\s+/));
  const after = (keyword: string) => lines.filter(([first]) => first === keyword).map(([, ...rest]) => rest);
  return {
    servers: after("nameserver").flatMap(([address]) => address ?? []),
    // The last line counts (resolv.conf(5)). A trailing dot does not change a domain.
    searches: (after("search").at(-1) ?? [])
      .filter((domain) => domain !== ".")
      .map((domain) => domain.replace(/\.$/, "")),
    options: after("options").flat(),
  };
}

function nameOf(option: string): string {
  return option.split(":", 1)[0] ?? option;
}

function unique(words: readonly string[]): string[] {
  return [...new Set(words)];
}
