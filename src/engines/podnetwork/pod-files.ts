import { readFile } from "node:fs/promises";
import { hostname as hostHostname } from "node:os";
import { makeDirectoriesNow } from "../../ground/directories/index.ts";
import { mount, mountFlags } from "../../ground/linux/index.ts";
import type { DNSConfig, PodSandboxConfig } from "../../ground/protocol/index.ts";
import { sharesHostNetwork } from "./pod-namespaces.ts";

/**
 * Creates a directory for the pod's /etc/hosts, /etc/hostname and /etc/resolv.conf: a small tmpfs of its own.
 * Containers may write to these files, but must not use up the state directory, which all pods need. What
 * they write counts as their own memory.
 */
export async function mountPodDirectory(directory: string, sizeBytes: number): Promise<void> {
  makeDirectoriesNow(directory, 0o700);
  await mount({
    source: "sandbox",
    target: directory,
    type: "tmpfs",
    flags: mountFlags.nosuid | mountFlags.nodev | mountFlags.noexec,
    data: `mode=0700,size=${sizeBytes}`,
  });
}

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

/** resolv.conf(5) from a pod's DNS configuration; undefined if that is empty, and the host's applies. */
export function resolvConfOf(dns: DNSConfig | undefined): string | undefined {
  if (dns === undefined || dns.servers.length + dns.searches.length + dns.options.length === 0)
    return undefined;
  const line = (keyword: string, words: readonly string[]) =>
    words.length === 0 ? "" : `${keyword} ${words.join(" ")}\n`;
  const servers = dns.servers.map((server) => `nameserver ${server}\n`).join("");
  return line("search", dns.searches) + servers + line("options", dns.options);
}

/** Empty if the host does not have the file. */
async function hostFile(path: string): Promise<string> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
}
