import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../../ground/clock/index.ts";
import type { Kind } from "../manifests/index.ts";
import type { PodEvent } from "../podlife/index.ts";
import { withEnd } from "./controllers/pod-ends.ts";
import type { World } from "./controllers/world.ts";
import type { ObjectStore } from "./object-store.ts";
import type { ObjectWriter } from "./object-writer.ts";
import { isOfOneKind, keyOf, type StoredObject } from "./objects.ts";

export type StoreWorldOptions = Pick<World, "nodeLabels" | "podStatus" | "lookAgainAfter"> & {
  readonly store: ObjectStore;
  readonly writer: ObjectWriter;
  readonly clock: Clock;
  readonly onStatus: (object: StoredObject) => void;
  readonly onEvent: (object: StoredObject, event: PodEvent) => void;
};

/** The controllers' view of the store. */
export function storeWorld({ store, writer, clock, onStatus, onEvent, ...given }: StoreWorldOptions): World {
  const tell: World["tell"] = (object, type, reason, message) =>
    onEvent(object, { type, reason, message, atNs: clock.nowNs() });
  return {
    ...given,
    tell,
    nowNs: clock.nowNs,
    owned: (owner) => store.list().filter((one) => one.owner === owner.uid),
    find: (key) => store.get(key),
    create: async (manifest, owner) => {
      await writer.create(manifest, { owner: owner.uid });
      const { kind, metadata } = manifest;
      if (isTold(kind))
        tell(owner, "Normal", "SuccessfulCreate", `Created ${kind.toLowerCase()}: ${metadata.name}`);
    },
    change: (object, change) =>
      writer.change(object, (now) => (isOfOneKind(now, object) ? change(now) : undefined)),
    adopt: async (object, owner) => void (await store.update(object, () => ({ owner: owner.uid }))),
    remove: async (object, graceSeconds) => {
      const byController = true as const;
      const { kind, metadata } = object.manifest;
      const owner = store.list().find(({ uid }) => uid === object.owner);
      if (isTold(kind) && owner !== undefined && store.get(keyOf(object))?.deleting === undefined)
        tell(owner, "Normal", "SuccessfulDelete", `Deleted ${kind.toLowerCase()}: ${metadata.name}`);
      await store.beginRemoval(
        object,
        graceSeconds === undefined ? { byController } : { byController, graceSeconds },
      );
    },
    countPod: async (job, end) => void (await store.update(job, (now) => withEnd(now, end))),
    setStatus: async (object, status) => {
      if (isDeepStrictEqual(object.status, status)) return;
      await store.update(object, () => ({ status }));
      onStatus({ ...object, status });
    },
  };
}

/** Whether it is an event of an object's owner that it was created or deleted, as in Kubernetes. */
function isTold(kind: Kind): boolean {
  return kind === "Pod" || kind === "Job";
}
