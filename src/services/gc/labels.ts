import { parseRfc3339 } from "../../ground/clock/index.ts";
import type { Labels } from "../../ground/labels/index.ts";
import type { GarbageNode } from "./garbage-node.ts";

const expireLabel = "containerd.io/gc.expire";
/**
 * containerd allows several references of one kind by a suffix: `.NAME` or `/NAME`, for snapshots `/NAME`.
 */
const label = /^containerd\.io\/gc\.(ref|bref)\.(container|content|image)(?:[./].*)?$/;
const snapshotLabel = /^containerd\.io\/gc\.(ref|bref)\.snapshot\.([^/]+)(?:\/.*)?$/;

/** The nodes that a record's labels `containerd.io/gc.ref.KIND` refer to; the record holds them. */
export function labelled(labels: Labels): readonly GarbageNode[] {
  return named(labels, "ref");
}

/** The nodes that a record's labels `containerd.io/gc.bref.KIND` refer to; they hold the record. */
export function holdersOf(labels: Labels): readonly GarbageNode[] {
  return named(labels, "bref");
}

/**
 * Whether an image's name is garbage unless something holds it. A label that is not a valid time is ignored.
 */
export function hasExpired(labels: Labels, nowMs: number): boolean {
  const atNs = parseRfc3339(labels[expireLabel] ?? "");
  return atNs !== undefined && atNs <= BigInt(nowMs) * 1_000_000n;
}

function named(labels: Labels, direction: "ref" | "bref"): readonly GarbageNode[] {
  return Object.entries(labels).flatMap(([name, value]): readonly GarbageNode[] => {
    const [, snapshotDirection, snapshotter] = snapshotLabel.exec(name) ?? [];
    if (snapshotter !== undefined)
      return snapshotDirection === direction ? [{ kind: "snapshot", snapshotter, key: value }] : [];
    const [, otherDirection, kind] = label.exec(name) ?? [];
    if (otherDirection !== direction) return [];
    if (kind === "content") return [{ kind, digest: value }];
    if (kind === "image") return [{ kind, name: value }];
    // In containerd, containers can only be holders.
    return kind === "container" && direction === "bref" ? [{ kind, id: value }] : [];
  });
}
