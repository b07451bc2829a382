import { readIfThere } from "../../ground/fs/index.ts";
import type { Pod } from "./pod.ts";
import { podNames } from "./pod-names.ts";

const header = "# Kubernetes-managed hosts file";

/**
 * A pod's /etc/hosts as a kubelet writes it, including comments, which some programs look for: with the pod's
 * own addresses, or, with the host's network, a copy of the machine's file; then the pod's aliases.
 */
export async function hostsFile(pod: Pod, podIps: readonly string[]): Promise<string> {
  if (pod.spec.hostNetwork !== true) return `${header}.\n${ofPod(pod, podIps)}${aliases(pod)}`;
  const machine = (await readIfThere("/etc/hosts")) ?? "";
  return `${header} (host network).\n${machine}${aliases(pod)}`;
}

function ofPod(pod: Pod, podIps: readonly string[]): string {
  const { host, domain } = podNames(pod);
  const names = domain === "" ? host : `${host}.${domain}\t${host}`;
  return linesOf([
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost ip6-loopback",
    "fe00::0\tip6-localnet",
    "fe00::0\tip6-mcastprefix",
    "fe00::1\tip6-allnodes",
    "fe00::2\tip6-allrouters",
    ...podIps.map((ip) => `${ip}\t${names}`),
  ]);
}

function aliases({ spec: { hostAliases = [] } }: Pod): string {
  if (hostAliases.length === 0) return "";
  const lines = hostAliases.map(({ ip, hostnames = [] }) => `${ip}\t${hostnames.join("\t")}`);
  return linesOf(["", "# Entries added by HostAliases.", ...lines]);
}

function linesOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}
