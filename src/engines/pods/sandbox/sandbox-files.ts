import { chownSync, mkdirSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { hostname as hostHostname } from "node:os";
import { codeOf } from "../../../ground/errors/index.ts";
import { mount, mountFlags } from "../../../ground/linux/index.ts";
import type { PodSandboxConfig } from "../../../ground/protocol/index.ts";
import type { SeLinuxLabels } from "../../../services/runtime/index.ts";
import { EngineError } from "../../engine/index.ts";
import { resolvConfOf, sharesHostNetwork } from "../../podnetwork/index.ts";
import type { SandboxPaths } from "../paths.ts";
import { contextOption } from "../volumes/se-linux-labels.ts";
import { podIdMappings, podRoot } from "./user-namespaces.ts";

/**
 * The pod's hostname: what it asks for, else the machine's. A pod on the host's network has the machine's in
 * any case: it is in the host's UTS namespace too, so that `hostname`, $HOSTNAME and /etc/hostname would not
 * agree.
 */
export function podHostname(config: PodSandboxConfig): string {
  return config.hostname === "" || sharesHostNetwork(config) ? hostHostname() : config.hostname;
}

/**
 * Writes the files that containers of the pod see as /etc/hostname, /etc/resolv.conf and /etc/hosts. They are
 * the pod's root's to change, and world-readable: any user in the pod may read them.
 */
export async function writeSandboxFiles(config: PodSandboxConfig, paths: SandboxPaths): Promise<void> {
  const dns = await resolvConf(config);
  write(paths.hostname, `${podHostname(config)}\n`);
  write(paths.resolvConf, dns);
  await writeHosts(config, paths, []);
  if (podIdMappings(config) === undefined) return;
  const { uid, gid } = podRoot(config);
  for (const path of [paths.hostname, paths.resolvConf, paths.hosts]) chownSync(path, uid, gid);
}

/** Rewritten when the pod has its addresses. A pod on the host's network sees the host's file. */
export async function writeHosts(
  config: PodSandboxConfig,
  paths: SandboxPaths,
  ips: readonly string[],
): Promise<void> {
  const text = sharesHostNetwork(config) ? await hostFile("/etc/hosts") : podHosts(podHostname(config), ips);
  write(paths.hosts, text);
}

/** They lie on a tmpfs. */
function write(path: string, text: string): void {
  try {
    writeFileSync(path, text, { mode: 0o644 });
  } catch (cause) {
    throw new EngineError(codeOf(cause), `${path} cannot be written`, { cause });
  }
}

function podHosts(hostname: string, ips: readonly string[]): string {
  const own = ips.map((ip) => `${ip}\t${hostname}\n`).join("");
  return `127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n${own}`;
}

/** From the pod's DNS configuration; without one, the host's. */
async function resolvConf(config: PodSandboxConfig): Promise<string> {
  return resolvConfOf(config.dnsConfig) ?? (await hostFile("/etc/resolv.conf"));
}

/** A host without the file has nothing to pass on. */
async function hostFile(path: string): Promise<string> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
}

/** 64 MiB, as Docker and the peers have it. */
const shmBytes = 64 * 2 ** 20;

/** Mounts the pod's own /dev/shm, which belongs to its root; its containers bind it. */
export async function mountSharedMemory(
  path: string,
  { uid, gid }: { readonly uid: number; readonly gid: number },
  labels: SeLinuxLabels | undefined,
): Promise<void> {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const flags = mountFlags.nosuid | mountFlags.noexec | mountFlags.nodev;
  const options = ["mode=1777", `size=${shmBytes}`, `uid=${uid}`, `gid=${gid}`];
  const data = [...options, ...(labels === undefined ? [] : [contextOption(labels)])].join(",");
  await mount({ source: "shm", target: path, type: "tmpfs", flags, data });
}
