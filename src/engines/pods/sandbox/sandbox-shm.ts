import { mkdir } from "node:fs/promises";
import { mount, mountFlags } from "../../../ground/linux/index.ts";
import type { SeLinuxLabels } from "../../../services/runtime/index.ts";
import { contextOption } from "../volumes/se-linux-labels.ts";

/** 64 MiB, as Docker and the peers have it. */
const shmBytes = 64 * 2 ** 20;

/** Mounts the pod's own /dev/shm, which belongs to its root; its containers bind it. */
export async function mountSharedMemory(
  path: string,
  { uid, gid }: { readonly uid: number; readonly gid: number },
  labels: SeLinuxLabels | undefined,
): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const flags = mountFlags.nosuid | mountFlags.noexec | mountFlags.nodev;
  const options = ["mode=1777", `size=${shmBytes}`, `uid=${uid}`, `gid=${gid}`];
  const data = [...options, ...(labels === undefined ? [] : [contextOption(labels)])].join(",");
  await mount({ source: "shm", target: path, type: "tmpfs", flags, data });
}
