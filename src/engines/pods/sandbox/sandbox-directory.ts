import { mkdirSync } from "node:fs";
import { stat } from "node:fs/promises";
import { mount, mountFlags, unmount } from "../../../ground/linux/index.ts";
import type { PodSandboxConfig } from "../../../ground/protocol/index.ts";
import type { TreeRemover } from "../../../ground/trees/index.ts";
import { sharesHostNetwork } from "../../podnetwork/index.ts";
import { removeDirectory } from "../records/remove-directory.ts";

/** For what berth writes there, some KiB, and what containers add to the files that they see. */
const sizeBytes = 2 ** 20;

/**
 * Makes a sandbox's directory, a small tmpfs of its own: containers may write to the files in it that they
 * see as /etc/hosts, /etc/hostname and /etc/resolv.conf, as much as they like, and must not take the room in
 * the state directory that every other pod's bundle and exit file needs. What they write counts for their own
 * memory.
 */
export async function makeSandboxDirectory(directory: string, config: PodSandboxConfig): Promise<void> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const size = sizeBytes + (sharesHostNetwork(config) ? await sizeOf("/etc/hosts") : 0);
  await mount({
    source: "sandbox",
    target: directory,
    type: "tmpfs",
    flags: mountFlags.nosuid | mountFlags.nodev | mountFlags.noexec,
    data: `mode=0700,size=${size}`,
  });
}

/** Safe at any time, as an undo must be; what is pinned or mounted in it is gone by then. */
export async function removeSandboxDirectory(directory: string, trees: TreeRemover): Promise<void> {
  await unmount(directory, { detach: true, missingOk: true });
  await removeDirectory(directory, trees);
}

async function sizeOf(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined);
  return found?.size ?? 0;
}
