import type { Handlers } from "../../ground/grpc/index.ts";
import { containerd } from "../../ground/protocol/index.ts";
import { fieldOfLabels, parseFilters } from "../../parts/filters/index.ts";
import {
  describeMount,
  type IdMappings,
  type Mount,
  mappingOf,
  mappingOptions,
  rootOf,
  type SnapshotInfo,
  type Snapshotter,
  type SnapshotterKind,
  snapshotterKinds,
} from "../../services/snapshots/index.ts";
import type { ContainerdCall } from "./call.ts";
import { ContainerdError } from "./errors.ts";
import { labelUpdate } from "./field-mask.ts";
import { addToLease, durabilityIn } from "./lease-resources.ts";
import { pages, toTimestamp } from "./messages.ts";

type SnapshotHandlers = Handlers<typeof containerd.snapshotsV1.SnapshotsService, ContainerdCall>;
type Info = containerd.snapshotsV1.Info;

export function snapshotHandlers(): SnapshotHandlers {
  return {
    async prepare({ snapshotter: name, key, parent, labels }, call) {
      await refuseIfUnpacked(name, labels, call);
      const snapshotter = await leasedSnapshotter(name, { field: "key", key }, call);
      const { leases } = await call.namespace();
      const durability = durabilityIn(leases.find(call.leaseId));
      const mapping = mappingOf(labels, kindOf(name));
      const owner = mapping && rootOf(mapping);
      const options = { labels, durability, needsHold: true, owner };
      return { mounts: toMounts(await snapshotter.prepare(key, parent || undefined, options), mapping) };
    },

    async view({ snapshotter: name, key, parent, labels }, call) {
      const snapshotter = await leasedSnapshotter(name, { field: "key", key }, call);
      const mapping = mappingOf(labels, kindOf(name));
      const options = { labels, needsHold: true };
      return { mounts: toMounts(await snapshotter.view(key, parent || undefined, options), mapping) };
    },

    async mounts({ snapshotter: name, key }, call) {
      const snapshotter = await getSnapshotter(name, key, call);
      const { kind, labels } = existing(snapshotter, key);
      if (kind === "committed")
        throw new ContainerdError(
          "FailedPrecondition",
          `snapshot ${key} is committed, and others stand on it: mount a view of it`,
        );
      return { mounts: toMounts(snapshotter.mounts(key), mappingOf(labels, kindOf(name))) };
    },

    async commit({ snapshotter: name, name: committed, key, parent, labels }, call) {
      const snapshotter = await leasedSnapshotter(name, { field: "name", key: committed }, call);
      await snapshotter.commit(committed, key, { labels, ...(parent === "" ? {} : { parent }) });
      return {};
    },

    async remove({ snapshotter, key }, call) {
      await (await getSnapshotter(snapshotter, key, call)).remove(key);
      (await call.namespace()).garbage.collectSoon();
      return {};
    },

    async stat({ snapshotter, key }, call) {
      return { info: toInfo(existing(await findSnapshotter(snapshotter, call), key)) };
    },

    async update({ snapshotter, info, updateMask = [] }, call) {
      const { name, labels } = info ?? containerd.snapshotsV1.Info.fromPartial({});
      requireNonEmpty("info.name", name);
      const update = labelUpdate(updateMask, labels);
      const updated = await (await getSnapshotter(snapshotter, name, call)).setLabels(
        name,
        update.labels,
        update.how,
      );
      return { info: toInfo(updated) };
    },

    async *list({ snapshotter, filters }, call) {
      const matches = parseFilters(filters);
      const all = (await findSnapshotter(snapshotter, call))?.list() ?? [];
      const matching = all.filter((snapshot) => matches((path) => fieldOf(snapshot, path)));
      for (const page of pages(matching)) yield { info: page.map(toInfo) };
    },

    async usage({ snapshotter, key }, call) {
      const { sizeBytes, inodes } = await (await getSnapshotter(snapshotter, key, call)).usage(key);
      return { size: BigInt(sizeBytes), inodes: BigInt(inodes) };
    },

    async cleanup({ snapshotter }, call) {
      await (await findSnapshotter(snapshotter, call))?.cleanup();
      return {};
    },
  };
}

/** Parses a snapshotter's name. Throws InvalidArgument. */
function kindOf(name: string): SnapshotterKind {
  const kind = snapshotterKinds.find((each) => each === name);
  if (kind !== undefined) return kind;
  throw new ContainerdError(
    "InvalidArgument",
    name === "" ? "snapshotter argument missing" : `snapshotter not loaded: ${name}`,
  );
}

/** For read-only calls: undefined if the namespace has no snapshots of that kind. Creates no directories. */
async function findSnapshotter(
  name: string,
  { namespace }: ContainerdCall,
): Promise<Snapshotter | undefined> {
  const kind = kindOf(name);
  return (await namespace()).snapshotters().find((snapshotter) => snapshotter.name === kind);
}

/** For calls on an existing snapshot. Throws NotFound. */
async function getSnapshotter(name: string, key: string, call: ContainerdCall): Promise<Snapshotter> {
  const snapshotter = await findSnapshotter(name, call);
  if (snapshotter !== undefined) return snapshotter;
  throw absent(key);
}

/**
 * For calls that create a snapshot: first adds the snapshot to the call's lease. `field` is the request's
 * field with the key, for errors.
 */
async function leasedSnapshotter(
  name: string,
  { field, key }: { readonly field: string; readonly key: string },
  call: ContainerdCall,
): Promise<Snapshotter> {
  const kind = kindOf(name);
  requireNonEmpty(field, key);
  const storage = await call.namespace();
  const snapshotter = await storage.snapshotter(kind);
  await addToLease(storage, call.leaseId, { kind: "snapshot", snapshotter: name, key });
  return snapshotter;
}

/** A client that unpacks a layer labels the active snapshot with the key that the committed one will have. */
const unpackedLabel = "containerd.io/snapshot.ref";

/**
 * Rejects unpacking a layer whose snapshot exists, so that clients neither fetch nor unpack it again, and
 * adds the snapshot to the call's lease. Throws AlreadyExists (containerd's core/metadata/snapshot.go).
 */
async function refuseIfUnpacked(
  snapshotter: string,
  labels: Readonly<Record<string, string>>,
  call: ContainerdCall,
): Promise<void> {
  const key = labels[unpackedLabel];
  const found = await findSnapshotter(snapshotter, call);
  if (key === undefined || found?.stat(key) === undefined) return;
  await addToLease(await call.namespace(), call.leaseId, { kind: "snapshot", snapshotter, key });
  // The lease may have had to wait for a collection, which has removed the snapshot.
  if (found.stat(key) === undefined) return;
  throw new ContainerdError("AlreadyExists", `target snapshot ${JSON.stringify(key)}`);
}

function requireNonEmpty(field: string, value: string): void {
  if (value === "") throw new ContainerdError("InvalidArgument", `${field}: must not be empty`);
}

function existing(snapshotter: Snapshotter | undefined, key: string): SnapshotInfo {
  const info = snapshotter?.stat(key);
  if (info === undefined) throw absent(key);
  return info;
}

function absent(key: string): ContainerdError {
  return new ContainerdError("NotFound", `snapshot ${key} does not exist`);
}

function toMounts(mounts: readonly Mount[], mapping: IdMappings | undefined): containerd.types.Mount[] {
  const mapped = mapping === undefined ? [] : mappingOptions(mapping);
  return mounts.map(describeMount).map(({ type, source, options }) => ({
    type,
    source,
    target: "",
    options: [...mapped, ...options],
  }));
}

const kinds = {
  active: containerd.snapshotsV1.Kind.ACTIVE,
  view: containerd.snapshotsV1.Kind.VIEW,
  committed: containerd.snapshotsV1.Kind.COMMITTED,
} as const;

function toInfo({ key, kind, parent = "", createdAtNs, updatedAtNs, labels }: SnapshotInfo): Info {
  const [createdAt, updatedAt] = [createdAtNs, updatedAtNs].map(toTimestamp);
  return { name: key, parent, kind: kinds[kind], createdAt, updatedAt, labels: { ...labels } };
}

function fieldOf(snapshot: SnapshotInfo, [field, ...rest]: readonly string[]): string | undefined {
  switch (field) {
    case "kind":
      return snapshot.kind;
    case "name":
      return snapshot.key;
    case "parent":
      return snapshot.parent ?? "";
    case "labels":
      return fieldOfLabels(snapshot.labels, rest);
    default:
      return undefined;
  }
}
