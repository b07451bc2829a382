import { readIfThere } from "../../ground/fs/index.ts";
import type { DNSConfig } from "../../ground/protocol/index.ts";
import type { Pod } from "./pod.ts";

/**
 * What the pod asks for beside the machine's own, as there is no cluster whose it could have; with dnsPolicy
 * None that alone. Nothing where it asks for nothing: the runtime gives it the machine's.
 */
export async function podDns(pod: Pod): Promise<{ readonly dnsConfig?: DNSConfig }> {
  const { dnsConfig: asked, dnsPolicy } = pod.spec;
  if (asked === undefined && dnsPolicy !== "None") return {};
  const machine = dnsPolicy === "None" ? "" : ((await readIfThere("/etc/resolv.conf")) ?? "");
  return { dnsConfig: mergeDns(asked ?? {}, machine) };
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
