import { TreeEntries } from "../../parts/layerdiff/index.ts";
import type { TarWriter } from "../../parts/tar/index.ts";
import type { RootfsSource } from "./jobs.ts";
import { changesOfCopy } from "./rootfs/copy-changes.ts";
import { changesOfOverlay } from "./rootfs/overlay-changes.ts";

/**
 * Writes what differs between a container's file system and its image's as entries, and returns the paths
 * that the container has not any more, from its root. Throws CheckpointError and what the kernel says.
 */
export function writeRootfsDiff(tar: TarWriter, { merged, changes }: RootfsSource): readonly string[] {
  const deleted: string[] = [];
  using entries = new TreeEntries(tar, merged);
  if (changes.kind === "overlay") changesOfOverlay(changes, entries, deleted);
  else changesOfCopy(changes.base, merged, entries, deleted);
  return deleted;
}
