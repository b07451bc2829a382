import type { Labels } from "../../ground/labels/index.ts";
import {
  describeIdMappings,
  hostIdOf,
  type IdMappings,
  isAtLeast,
  kernelRelease,
  readIdMappings,
} from "../../ground/linux/index.ts";
import type { SnapshotterKind } from "./open.ts";
import { SnapshotError } from "./snapshot-error.ts";
import type { Owner } from "./snapshotter.ts";

const uidLabel = "containerd.io/snapshot/uidmapping";
const gidLabel = "containerd.io/snapshot/gidmapping";

/**
 * containerd's name for a snapshotter's capability to show an image's files to a user namespace as its own.
 * Without it, clients copy the image with other owners.
 */
export const remapCapability = "remap-ids";

/** overlayfs supports ID-mapped layers since Linux 5.19. */
export function canRemap(kind: SnapshotterKind): boolean {
  return kind !== "native" && isAtLeast(kernelRelease(), 5, 19);
}

/**
 * The user namespace that a snapshot is shown to, from its labels; one label without the other is ignored, as
 * in containerd. Throws SnapshotError InvalidArgument.
 */
export function mappingOf(labels: Labels, kind: SnapshotterKind): IdMappings | undefined {
  const [uidText, gidText] = [labels[uidLabel], labels[gidLabel]];
  if (uidText === undefined || gidText === undefined || !canRemap(kind)) return undefined;
  return { uids: mappings(uidLabel, uidText), gids: mappings(gidLabel, gidText) };
}

/** The user and group of its root on the host. Throws SnapshotError InvalidArgument. */
export function rootOf({ uids, gids }: IdMappings): Owner {
  const [uid, gid] = [hostIdOf(uids, 0), hostIdOf(gids, 0)];
  if (uid === undefined || gid === undefined)
    throw new SnapshotError("InvalidArgument", `labels: ${uidLabel} and ${gidLabel} must map 0`);
  return { uid, gid };
}

/** The mapping as options of containerd's mounts. */
export function mappingOptions({ uids, gids }: IdMappings): readonly string[] {
  return [`uidmap=${describeIdMappings(uids)}`, `gidmap=${describeIdMappings(gids)}`];
}

function mappings(label: string, text: string) {
  const read = readIdMappings(text);
  if (read !== undefined) return read;
  throw new SnapshotError(
    "InvalidArgument",
    `labels: ${label}: ${JSON.stringify(text)} is not a mapping; give CONTAINER-ID:HOST-ID:LENGTH, separated by commas`,
  );
}
