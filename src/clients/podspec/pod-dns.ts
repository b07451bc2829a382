import { readIfThere } from "../../ground/fs/index.ts";
import type { DNSConfig } from "../../ground/protocol/index.ts";
import type { PodContext } from "./context.ts";
import type { Pod } from "./pod.ts";
import { clusterDomain } from "./pod-names.ts";

/** How names are looked up in clusters: those of the pod's namespace are short, and have few dots. */
const clusterOptions = "options ndots:5";

/**
 * What the pod asks for beside that of its dnsPolicy: by ClusterFirst the name server of services, with the
 * machine's search domains last, by Default the machine's own, by None nothing. Where there is no such name
 * server, the machine's. Nothing where it asks for nothing: the runtime gives it the machine's.
 */
export async function podDns(
  pod: Pod,
  { clusterDns }: Pick<PodContext, "clusterDns">,
): Promise<{ readonly dnsConfig?: DNSConfig }> {
  const { dnsConfig: asked, dnsPolicy = "ClusterFirst", hostNetwork } = pod.spec;
  if (dnsPolicy === "None") return { dnsConfig: mergeDns(asked ?? {}, "") };
  const isOfCluster =
    dnsPolicy === "ClusterFirstWithHostNet" || (dnsPolicy === "ClusterFirst" && hostNetwork !== true);
  const servers = isOfCluster ? await clusterDns() : [];
  if (asked === undefined && servers.length === 0) return {};
  const machine = (await readIfThere("/etc/resolv.conf")) ?? "";
  const base = servers.length === 0 ? machine : ofCluster(servers, pod.metadata.namespace, machine);
  return { dnsConfig: mergeDns(asked ?? {}, base) };
}

/** The resolv.conf of a pod in a cluster. */
function ofCluster(servers: readonly string[], namespace: string, machine: string): string {
  const services = `svc.${clusterDomain}`;
  const searches = [`${namespace}.${services}`, services, clusterDomain, ...parse(machine).searches];
  const nameservers = servers.map((server) => `nameserver ${server}\n`).join("");
  return `${nameservers}search ${searches.join(" ")}\n${clusterOptions}\n`;
}

/** As kubelets merge: the machine's first, and of options with one name the pod's. */
export function mergeDns(asked: NonNullable<Pod["spec"]["dnsConfig"]>, resolvConf: string): DNSConfig {
  const { nameservers = [], searches = [], options = [] } = asked;
  const machine = parse(resolvConf);
  const own = options.map(({ name, value }) => (value === undefined ? name : `${name}:${value}`));
  const named = new Set(own.map(nameOf));
  return {
    servers: unique([...machine.servers, ...nameservers]),
    searches: unique([...machine.searches, ...searches]),
    options: [...machine.options.filter((option) => !named.has(nameOf(option))), ...own],
  };
}

function parse(resolvConf: string) {
  const lines = resolvConf.split("\n").map((line) => line.trim().split(/\s+/));
  const after = (keyword: string) => lines.filter(([first]) => first === keyword).map(([, ...rest]) => rest);
  return {
    servers: after("nameserver").flatMap(([address]) => address ?? []),
    // The last one counts (resolv.conf(5)).
    searches: after("search").at(-1) ?? [],
    options: after("options").flat(),
  };
}

function nameOf(option: string): string {
  return option.split(":", 1)[0] ?? option;
}

function unique(words: readonly string[]): string[] {
  return [...new Set(words)];
}
