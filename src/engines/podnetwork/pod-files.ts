import { readFile } from "node:fs/promises";
import { hostname as hostHostname } from "node:os";
import type { PodSandboxConfig } from "../../ground/protocol/index.ts";
import { sharesHostNetwork } from "./pod-namespaces.ts";
import { resolvConfOf } from "./resolv-conf.ts";

/**
 * The pod's hostname: the requested one, or the machine's. A pod on the host's network always has the
 * machine's: it is also in the host's UTS namespace, so otherwise `hostname`, $HOSTNAME and /etc/hostname
 * would differ.
 */
export function podHostname(config: PodSandboxConfig): string {
  return config.hostname === "" || sharesHostNetwork(config) ? hostHostname() : config.hostname;
}

/** hosts(5) of a pod. One on the host's network has the host's file. */
export async function podHosts(config: PodSandboxConfig, ips: readonly string[]): Promise<string> {
  if (sharesHostNetwork(config)) return await hostFile("/etc/hosts");
  const own = ips.map((ip) => `${ip}\t${podHostname(config)}\n`).join("");
  return `127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n${own}`;
}

/** resolv.conf(5) from the pod's DNS configuration; without one, the host's. */
export async function podResolvConf(config: PodSandboxConfig): Promise<string> {
  return resolvConfOf(config.dnsConfig) ?? (await hostFile("/etc/resolv.conf"));
}

/** Empty if the host does not have the file. */
async function hostFile(path: string): Promise<string> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
}
