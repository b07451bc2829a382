import type { Digest } from "../../parts/oci/index.ts";
import type { ContentStore } from "../content/index.ts";
import type { GarbageCollector } from "../gc/index.ts";
import type { ImageName, ImageNames } from "../imagenames/index.ts";
import type { Snapshotter } from "../snapshots/index.ts";
import { lastNamedAtNs, later } from "./image-details.ts";
import type { ImageLookup } from "./image-lookup.ts";
import type { FreeSpaceRequest, Image, PrunedImage, PrunedImages, PruneRequest } from "./images.ts";
import { ReclaimedBytes } from "./reclaimed-bytes.ts";

export type PruneParts = {
  readonly imageNames: ImageNames;
  readonly lookup: ImageLookup;
  readonly content: ContentStore;
  readonly snapshotter: Snapshotter;
  readonly garbage: GarbageCollector;
  /** Whether somebody is about to use it. */
  readonly isHeld: (id: Digest) => boolean;
  /** Whether the target is being installed, so that it has or will get a name. */
  readonly isInstalling: (target: Digest) => boolean;
};

/** Removes unused images, see {@link ImageCatalog.prune}. */
export async function pruneImages(request: PruneRequest, parts: PruneParts): Promise<PrunedImages> {
  const { lookup, imageNames, garbage } = parts;
  const removed: PrunedImage[] = [];
  const reclaimed = new ReclaimedBytes(parts);
  for (const { id } of lookup.list()) {
    // Looked up again, because each removal takes a while; nothing is awaited between the look-up and the
    // removal.
    const image = lookup.find(id);
    const names = lookup.namesOf(id).flatMap((name) => imageNames.get(name) ?? []);
    if (image === undefined || !isWanted(image, names, request, parts)) continue;
    const targets = names.map(({ target }) => target.digest);
    reclaimed.expect(image, targets);
    const deleted = await imageNames.delete(names.map(({ name }) => name));
    if (deleted.length > 0) removed.push({ id, names: deleted });
  }
  if (removed.length === 0) return { images: [], reclaimedBytes: 0 };
  await garbage.collectNow();
  return { images: removed, reclaimedBytes: await reclaimed.gone() };
}

/** Removes images until enough space is free, see {@link ImageCatalog.freeSpace}. */
export async function freeSpace(
  { bytes, usedAtNs, unusedSinceNs, isUsed }: FreeSpaceRequest,
  parts: PruneParts,
): Promise<PrunedImages> {
  const { lookup, imageNames, garbage } = parts;
  const namesOf = ({ id }: Image) => lookup.namesOf(id).flatMap((name) => imageNames.get(name) ?? []);
  const unused = lookup
    .list()
    .map((image) => ({ image, sinceNs: later(lastNamedAtNs(namesOf(image)), usedAtNs(image) ?? 0n) }))
    .filter(({ sinceNs }) => sinceNs <= unusedSinceNs)
    .toSorted((one, other) => (one.sinceNs < other.sinceNs ? -1 : 1));
  const removed: PrunedImage[] = [];
  let reclaimedBytes = 0;
  for (const { image: seen } of unused) {
    if (reclaimedBytes >= bytes) break;
    // Looked up again, because each removal takes a while; nothing is awaited between the look-up and the
    // removal.
    const image = lookup.find(seen.id);
    const names = image === undefined ? [] : namesOf(image);
    if (image === undefined || !isWanted(image, names, { which: "all", isUsed }, parts)) continue;
    const reclaimed = new ReclaimedBytes(parts);
    const targets = names.map(({ target }) => target.digest);
    reclaimed.expect(image, targets);
    const deleted = await imageNames.delete(names.map(({ name }) => name));
    if (deleted.length === 0) continue;
    removed.push({ id: image.id, names: deleted });
    await garbage.collectNow();
    reclaimedBytes += await reclaimed.gone();
  }
  return { images: removed, reclaimedBytes };
}

function isWanted(
  image: Image,
  names: readonly ImageName[],
  { which, namedBeforeNs, labels = [], withoutLabels = [], isUsed }: PruneRequest,
  { isInstalling, isHeld }: PruneParts,
): boolean {
  if (image.pinned || isUsed(image) || isHeld(image.id)) return false;
  if (names.some(({ target }) => isInstalling(target.digest))) return false;
  if (which === "dangling" && image.repoTags.length > 0) return false;
  if (namedBeforeNs !== undefined && lastNamedAtNs(names) >= namedBeforeNs) return false;
  const has = (label: string): boolean => hasLabel(image.config.config.labels, label);
  return labels.every(has) && !withoutLabels.some(has);
}

function hasLabel(present: Readonly<Record<string, string>>, label: string): boolean {
  const equals = label.indexOf("=");
  if (equals === -1) return Object.hasOwn(present, label);
  const key = label.slice(0, equals);
  return Object.hasOwn(present, key) && present[key] === label.slice(equals + 1);
}
