import { mkdtemp, readdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import type { LookUp } from "../../ground/hostpaths/index.ts";
import { mountSnapshot, type SnapshotMount, unmount } from "../../ground/linux/index.ts";
import type { LayerSource } from "../../parts/layerdiff/index.ts";
import type { TreesSource } from "./jobs.ts";

/** Two trees as snapshotters describe them, by the mounts of each; no mounts for no tree. */
export type ComparedMounts = {
  readonly lower: readonly SnapshotMount[];
  readonly upper: readonly SnapshotMount[];
};

export type Comparing = {
  /** Directory for mount points. */
  readonly directory: string;
  /** For paths in mounts, which may be anywhere. */
  readonly lookUp: LookUp;
};

/**
 * Calls `use` with the source of the differences. If the upper tree is one layer on top of the lower tree,
 * that layer is the source, and nothing is mounted; otherwise both trees are mounted read-only, in new
 * directories below `directory`. Throws LinuxError, and what `lookUp` throws.
 */
export async function withSource<T>(
  { lower, upper }: ComparedMounts,
  { directory, lookUp }: Comparing,
  use: (source: LayerSource) => Promise<T>,
): Promise<T> {
  const layer = await ownLayer(lower, upper, lookUp);
  if (layer !== undefined) return await use({ kind: "upper", upper: layer });
  await using trees = await withTrees({ lower, upper }, { directory, lookUp });
  return await use(trees.source);
}

/** Makes both trees, or the upper one alone, readable until the returned object is disposed. */
export async function withTrees(
  { lower, upper }: ComparedMounts,
  comparing: Comparing,
): Promise<AsyncDisposable & { readonly source: TreesSource }> {
  await using stack = new AsyncDisposableStack();
  const tree = await treeOf(upper, comparing, stack);
  const base = lower.length === 0 ? {} : { base: await treeOf(lower, comparing, stack) };
  const mounted = stack.move();
  return {
    source: { kind: "trees", tree, ...base },
    [Symbol.asyncDispose]: () => mounted.disposeAsync(),
  };
}

/**
 * The directory with all differences of the upper tree. Empty layers are ignored: overlays with a single
 * layer have another, empty one.
 */
async function ownLayer(
  lower: readonly SnapshotMount[],
  upper: readonly SnapshotMount[],
  lookUp: LookUp,
): Promise<string | undefined> {
  const [of, below] = [layersOf(upper), lower.length === 0 ? [] : layersOf(lower)];
  if (of === undefined || below === undefined) return undefined;
  const [full, fullBelow] = [await withoutEmpty(of, lookUp), await withoutEmpty(below, lookUp)];
  if (full.join("\n") === fullBelow.join("\n")) return of.find((layer) => !full.includes(layer));
  return full.slice(1).join("\n") === fullBelow.join("\n") ? full[0] : undefined;
}

/**
 * With these options, deletions are marked differently, or a layer's contents may be in one below it: only
 * the kernel can tell.
 */
const otherMeanings: ReadonlySet<string> = new Set(["userxattr", "redirect_dir=on", "metacopy=on"]);

/** Layers of one overlay, the topmost first. */
function layersOf([mount, ...more]: readonly SnapshotMount[]): readonly string[] | undefined {
  if (mount?.type !== "overlay" || more.length > 0) return undefined;
  if (mount.options.some((option) => otherMeanings.has(option))) return undefined;
  return mount.upper === undefined ? mount.lower : [mount.upper.directory, ...mount.lower];
}

async function withoutEmpty(layers: readonly string[], lookUp: LookUp): Promise<readonly string[]> {
  const names = await Promise.all(layers.map((layer) => lookUp(layer, () => readdir(layer))));
  return layers.filter((_, index) => (names[index]?.length ?? 0) > 0);
}

/** Path at which the tree can be read. */
async function treeOf(
  mounts: readonly SnapshotMount[],
  { directory, lookUp }: Comparing,
  stack: AsyncDisposableStack,
): Promise<string> {
  const [mount, ...more] = mounts;
  if (mount?.type === "bind" && more.length === 0) return mount.source;
  const target = await mkdtemp(join(directory, "diff-"));
  stack.defer(() => removeMount(target));
  const place = mount === undefined || mount.type === "bind" ? mount?.source : mount.lower[0];
  await lookUp(place ?? target, () => mountSnapshot(mounts.map(readonly), target));
  return target;
}

/** Unmounts and removes a directory that was created as a mount point, even if others are using it. */
export async function removeMount(directory: string): Promise<void> {
  await unmount(directory, { detach: true, missingOk: true });
  await rmdir(directory);
}

/** The kernel allows an upper directory in only one overlay; as a lower one it may be in many. */
function readonly(mount: SnapshotMount): SnapshotMount {
  if (mount.type === "bind") return { ...mount, readonly: true };
  if (mount.upper === undefined) return mount;
  return { ...mount, upper: undefined, lower: [mount.upper.directory, ...mount.lower] };
}
