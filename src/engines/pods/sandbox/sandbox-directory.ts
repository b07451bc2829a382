import { stat } from "node:fs/promises";
import { unmount } from "../../../ground/linux/index.ts";
import type { PodSandboxConfig } from "../../../ground/protocol/index.ts";
import type { TreeRemover } from "../../../ground/trees/index.ts";
import { mountPodDirectory, sharesHostNetwork } from "../../podnetwork/index.ts";
import { removeDirectory } from "../records/remove-directory.ts";

/** For what berth writes there, some KiB, and what containers add to the files that they see. */
const sizeBytes = 2 ** 20;

/** Makes a sandbox's directory, of which its containers see some files: see `mountPodDirectory`. */
export async function makeSandboxDirectory(directory: string, config: PodSandboxConfig): Promise<void> {
  const size = sizeBytes + (sharesHostNetwork(config) ? await sizeOf("/etc/hosts") : 0);
  await mountPodDirectory(directory, size);
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
