import { stat } from "node:fs/promises";
import { unmount } from "../../../ground/linux/index.ts";
import type { PodSandboxConfig } from "../../../ground/protocol/index.ts";
import type { TreeRemover } from "../../../ground/trees/index.ts";
import { mountPodDirectory, sharesHostNetwork } from "../../podnetwork/index.ts";
import { removeDirectory } from "../records/remove-directory.ts";

/** For the few KiB that berth writes there, and what containers add to these files. */
const sizeBytes = 2 ** 20;

/** Creates a sandbox's directory, some of whose files its containers see: see `mountPodDirectory`. */
export async function makeSandboxDirectory(directory: string, config: PodSandboxConfig): Promise<void> {
  const size = sizeBytes + (sharesHostNetwork(config) ? await sizeOf("/etc/hosts") : 0);
  await mountPodDirectory(directory, size);
}

/** Safe at any time, as an undo must be; anything pinned or mounted in it must already be removed. */
export async function removeSandboxDirectory(directory: string, trees: TreeRemover): Promise<void> {
  await unmount(directory, { detach: true, missingOk: true });
  await removeDirectory(directory, trees);
}

async function sizeOf(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined);
  return found?.size ?? 0;
}
