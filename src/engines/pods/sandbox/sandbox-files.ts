import { chownSync, mkdirSync, writeFileSync } from "node:fs";
import { codeOf } from "../../../ground/errors/index.ts";
import { mount, mountFlags } from "../../../ground/linux/index.ts";
import type { PodSandboxConfig } from "../../../ground/protocol/index.ts";
import type { SeLinuxLabels } from "../../../services/runtime/index.ts";
import { EngineError } from "../../engine/index.ts";
import { podHostname, podHosts, podResolvConf } from "../../podnetwork/index.ts";
import type { SandboxPaths } from "../paths.ts";
import { contextOption } from "../volumes/se-linux-labels.ts";
import { podIdMappings, podRoot } from "./user-namespaces.ts";

/**
 * Writes the pod's /etc/hostname, /etc/resolv.conf and /etc/hosts. They belong to the pod's root, and any
 * user in the pod may read them.
 */
export async function writeSandboxFiles(config: PodSandboxConfig, paths: SandboxPaths): Promise<void> {
  const dns = await podResolvConf(config);
  write(paths.hostname, `${podHostname(config)}\n`);
  write(paths.resolvConf, dns);
  await writeHosts(config, paths, []);
  if (podIdMappings(config) === undefined) return;
  const { uid, gid } = podRoot(config);
  for (const path of [paths.hostname, paths.resolvConf, paths.hosts]) chownSync(path, uid, gid);
}

/** Rewritten once the pod has its addresses. A pod on the host's network gets the host's file. */
export async function writeHosts(
  config: PodSandboxConfig,
  paths: SandboxPaths,
  ips: readonly string[],
): Promise<void> {
  write(paths.hosts, await podHosts(config, ips));
}

/** They lie on a tmpfs. */
function write(path: string, text: string): void {
  try {
    writeFileSync(path, text, { mode: 0o644 });
  } catch (cause) {
    throw new EngineError(codeOf(cause), `${path} cannot be written`, { cause });
  }
}

/** 64 MiB, as in Docker, containerd and CRI-O. */
const shmBytes = 64 * 2 ** 20;

/** Mounts the pod's own /dev/shm, which belongs to its root; its containers bind-mount it. */
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
