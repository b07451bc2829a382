import type { Logger } from "../../ground/logging/index.ts";
import type { Container, Containers, Sandboxes } from "../containers/index.ts";
import type { ContentStore } from "../content/index.ts";
import {
  type GarbageFollower,
  type GarbageNode,
  type GarbageRecord,
  hasExpired,
  holdersOf,
  labelled,
  type NamespaceCollector,
  ScheduledCollector,
} from "../gc/index.ts";
import type { ImageName, ImageNames } from "../imagenames/index.ts";
import type { Leases } from "../leases/index.ts";
import type { Snapshotter, SnapshotterKind } from "../snapshots/index.ts";

/** What a room's records keep from garbage collection, at the time of the call. Must not block. */
export type Roots = () => Iterable<GarbageNode>;

/** What an image needs in addition to what its target reaches by labels. Must not block. */
export type ImageReferences = (target: ImageName["target"]) => readonly GarbageNode[];

type Parts = {
  readonly name: string;
  readonly containers: Containers;
  readonly sandboxes: Sandboxes;
  readonly imageNames: ImageNames;
  readonly content: ContentStore;
  readonly leases: Leases;
  readonly openSnapshotter: (kind: SnapshotterKind) => Promise<Snapshotter>;
  readonly gcDelayMs: number;
  readonly follower: ((storage: NamespaceStorage) => GarbageFollower) | undefined;
  readonly logger: Logger;
};

/** The storage of one containerd namespace. */
export class NamespaceStorage {
  readonly name: string;
  readonly containers: Containers;
  readonly sandboxes: Sandboxes;
  readonly imageNames: ImageNames;
  readonly content: ContentStore;
  readonly leases: Leases;
  /** Collects garbage of this namespace alone. */
  readonly garbage: NamespaceCollector;
  readonly #collector: ScheduledCollector;
  readonly #openSnapshotter: Parts["openSnapshotter"];
  readonly #snapshotters = new Set<Snapshotter>();
  readonly #roots: Roots[];
  readonly #imageReferences: ImageReferences[] = [];

  constructor(parts: Parts) {
    const { name, containers, imageNames, content, leases, openSnapshotter, gcDelayMs, logger } = parts;
    this.name = name;
    this.containers = containers;
    this.sandboxes = parts.sandboxes;
    this.imageNames = imageNames;
    this.#roots = [() => parts.sandboxes.list().flatMap(({ labels }) => labelled(labels))];
    this.content = content;
    this.leases = leases;
    this.#openSnapshotter = openSnapshotter;
    this.#collector = new ScheduledCollector({
      stores: () => ({
        content,
        leases,
        snapshotters: this.snapshotters(),
        roots: () => this.#roots.flatMap((roots) => [...roots()]),
        records: () => {
          const nowMs = Date.now();
          return [
            ...containers.list().map(containerRecord),
            ...imageNames.list().map((image) => this.#imageRecord(image, nowMs)),
          ];
        },
        followers: parts.follower === undefined ? [] : [parts.follower(this)],
      }),
      delayMs: gcDelayMs,
      logger: logger.child({ namespace: name }),
    });
    this.garbage = this.#collector;
  }

  /**
   * Opened on first use. Throws SnapshotError InvalidArgument if it cannot be used in this root directory.
   */
  async snapshotter(kind: SnapshotterKind): Promise<Snapshotter> {
    const snapshotter = await this.#openSnapshotter(kind);
    this.#snapshotters.add(snapshotter);
    return snapshotter;
  }

  /** The open ones; those in which the namespace has snapshots are always open. */
  snapshotters(): readonly Snapshotter[] {
    return [...this.#snapshotters];
  }

  /** Must be called before the first collection: what no root reaches is deleted. */
  addRoots(roots: Roots): void {
    this.#roots.push(roots);
  }

  /** In the same way. */
  addImageReferences(references: ImageReferences): void {
    this.#imageReferences.push(references);
  }

  /** Starts to delete what crashes left of snapshots; call it once all mounted layers are known. */
  async startCleanup(): Promise<void> {
    await Promise.all(this.snapshotters().map((snapshotter) => snapshotter.startCleanup()));
  }

  /** Waits for a collection in progress. */
  async close(): Promise<void> {
    await this.#collector[Symbol.asyncDispose]();
  }

  #imageRecord({ name, target, labels }: ImageName, nowMs: number): GarbageRecord {
    const { digest } = target;
    const blob = { kind: "content", digest } as const;
    const others = () => this.#imageReferences.flatMap((references) => references(target));
    const remove = () => this.imageNames.delete([name], digest);
    return {
      node: { kind: "image", name },
      references: (flat) => (flat ? [blob] : [blob, ...others(), ...labelled(labels)]),
      labels,
      ...(hasExpired(labels, nowMs) ? { expired: { holders: holdersOf(labels), remove } } : {}),
    };
  }
}

/** A container holds its root file system, whatever the snapshot's kind. */
function containerRecord({ id, snapshotter, snapshotKey: key, labels }: Container): GarbageRecord {
  const rootFileSystem: GarbageNode[] = key === "" ? [] : [{ kind: "snapshot", snapshotter, key }];
  return { node: { kind: "container", id }, references: () => [...rootFileSystem, ...labelled(labels)] };
}
