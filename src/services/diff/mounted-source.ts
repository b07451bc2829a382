import { mkdtemp, readdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { mountSnapshot, type SnapshotMount, unmount } from "../../ground/linux/index.ts";
import type { LayerSource } from "../../parts/layerdiff/index.ts";

/** Two trees as snapshotters describe them: what is to be mounted for each; nothing for no tree. */
export type ComparedMounts = {
  readonly lower: readonly SnapshotMount[];
  readonly upper: readonly SnapshotMount[];
};

/**
 * Calls `use` with where the difference is to be found. Where the upper tree is one layer over the lower
 * ones, that layer says it, and nothing is mounted; else both trees are, read-only, in new directories below
 * `directory`. Throws LinuxError.
 */
export async function withSource<T>(
  { lower, upper }: ComparedMounts,
  directory: string,
  use: (source: LayerSource) => Promise<T>,
): Promise<T> {
  const layer = await ownLayer(lower, upper);
  if (layer !== undefined) return await use({ kind: "upper", upper: layer });
  await using stack = new AsyncDisposableStack();
  const tree = await treeOf(upper, directory, stack);
  if (lower.length === 0) return await use({ kind: "trees", tree });
  return await use({ kind: "trees", base: await treeOf(lower, directory, stack), tree });
}

/**
 * The directory that holds all that the upper tree has otherwise. Empty layers count for nothing: overlays of
 * one layer have another, empty one.
 */
async function ownLayer(
  lower: readonly SnapshotMount[],
  upper: readonly SnapshotMount[],
): Promise<string | undefined> {
  const [of, below] = [layersOf(upper), lower.length === 0 ? [] : layersOf(lower)];
  if (of === undefined || below === undefined) return undefined;
  const [full, fullBelow] = [await withoutEmpty(of), await withoutEmpty(below)];
  if (full.join("\n") === fullBelow.join("\n")) return of.find((layer) => !full.includes(layer));
  return full.slice(1).join("\n") === fullBelow.join("\n") ? full[0] : undefined;
}

/**
 * With these what is deleted is marked otherwise, or what a layer shows lies in one below it: only the kernel
 * can tell.
 */
const otherMeanings: ReadonlySet<string> = new Set(["userxattr", "redirect_dir=on", "metacopy=on"]);

/** Of one overlay, the topmost first. */
function layersOf([mount, ...more]: readonly SnapshotMount[]): readonly string[] | undefined {
  if (mount?.type !== "overlay" || more.length > 0) return undefined;
  if (mount.options.some((option) => otherMeanings.has(option))) return undefined;
  return mount.upper === undefined ? mount.lower : [mount.upper.directory, ...mount.lower];
}

async function withoutEmpty(layers: readonly string[]): Promise<readonly string[]> {
  const names = await Promise.all(layers.map((layer) => readdir(layer)));
  return layers.filter((_, index) => (names[index]?.length ?? 0) > 0);
}

/** Where the tree can be read. */
async function treeOf(
  mounts: readonly SnapshotMount[],
  directory: string,
  stack: AsyncDisposableStack,
): Promise<string> {
  const [mount, ...more] = mounts;
  if (mount?.type === "bind" && more.length === 0) return mount.source;
  const target = await mkdtemp(join(directory, "diff-"));
  stack.defer(() => removeMount(target));
  await mountSnapshot(mounts.map(readonly), target);
  return target;
}

/**
 * What was mounted on a directory that was made for it goes, and the directory, whoever else looks into it
 * just then.
 */
export async function removeMount(directory: string): Promise<void> {
  await unmount(directory, { detach: true, missingOk: true });
  await rmdir(directory);
}

/** The kernel lets no upper directory be one of two overlays; as a lower one it may be of many. */
function readonly(mount: SnapshotMount): SnapshotMount {
  if (mount.type === "bind") return { ...mount, readonly: true };
  if (mount.upper === undefined) return mount;
  return { ...mount, upper: undefined, lower: [mount.upper.directory, ...mount.lower] };
}
