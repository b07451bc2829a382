import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../../ground/clock/index.ts";
import { withEnd } from "./controllers/pod-ends.ts";
import type { World } from "./controllers/world.ts";
import type { ObjectStore } from "./object-store.ts";
import type { ObjectWriter } from "./object-writer.ts";
import { isOfOneKind, type StoredObject } from "./objects.ts";

export type StoreWorldOptions = Pick<World, "nodeLabels" | "podStatus" | "lookAgainAfter"> & {
  readonly store: ObjectStore;
  readonly writer: ObjectWriter;
  readonly clock: Clock;
  readonly onStatus: (object: StoredObject) => void;
};

/** The controllers' view of the store. */
export function storeWorld({ store, writer, clock, onStatus, ...given }: StoreWorldOptions): World {
  return {
    ...given,
    nowNs: clock.nowNs,
    owned: (owner) => store.list().filter((one) => one.owner === owner.uid),
    find: (key) => store.get(key),
    create: (manifest, owner) => writer.create(manifest, { owner: owner.uid }),
    change: (object, change) =>
      writer.change(object, (now) => (isOfOneKind(now, object) ? change(now) : undefined)),
    adopt: async (object, owner) => void (await store.update(object, () => ({ owner: owner.uid }))),
    remove: async (object, graceSeconds) => {
      const byController = true as const;
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
