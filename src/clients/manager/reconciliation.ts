import type { Clock } from "../../ground/clock/index.ts";
import type { ManifestOf } from "../manifests/index.ts";
import type { Claims } from "./claims.ts";
import { endOfGone, withEnd } from "./controllers/pod-ends.ts";
import { reconcileObject } from "./controllers/reconcile-object.ts";
import type { World } from "./controllers/world.ts";
import type { NodePods } from "./node/node-pods.ts";
import type { ObjectStore } from "./object-store.ts";
import type { ObjectWriter } from "./object-writer.ts";
import { isOfKind, type StoredObject, type StoredPod } from "./objects.ts";
import { missingClaims } from "./own-claims.ts";
import { stepOfRemoval, usersOf } from "./removal.ts";
import type { NodeServices } from "./services/node-services.ts";
import { storeWorld } from "./store-world.ts";

export type ReconciliationOptions = {
  readonly store: ObjectStore;
  readonly writer: ObjectWriter;
  readonly clock: Clock;
  readonly pods: NodePods;
  readonly services: NodeServices;
  readonly claims: Claims;
  readonly onStatus: (object: StoredObject) => void;
  /** A step of an object failed, or one of all together where there is none. */
  readonly onFailure: (error: unknown, object?: StoredObject) => void;
};

/** After something that failed and that nobody asked for. */
const retryMs = 5_000;
/** Until pods that were taken up have been seen. */
const unseenMs = 500;

/** Brings what is there closer to what objects ask for: makes the next step for each of them. */
export async function reconcileAll(
  options: ReconciliationOptions,
  lookAgainAfter: (ms: number) => void,
): Promise<void> {
  const { store, writer, clock, pods, services, onStatus, onFailure } = options;
  const world = storeWorld({
    store,
    clock,
    nodeLabels: pods.nodeLabels,
    podStatus: (pod) => pods.status(pod),
    create: (manifest, owner) => writer.create(manifest, { owner: owner.uid }),
    change: (object, manifest) => writer.change(object, () => manifest),
    onStatus,
    lookAgainAfter,
  });
  const attempt = async (step: () => Promise<void>, object?: StoredObject) => {
    try {
      await step();
    } catch (error) {
      lookAgainAfter(retryMs);
      onFailure(error, object);
    }
  };
  await attempt(() => services.assign(world));
  await attempt(() => pods.schedule());
  for (const { uid, manifest } of store.list()) {
    const object = store.getOf(manifest.kind, manifest.metadata.namespace, manifest.metadata.name);
    if (object?.uid === uid) await attempt(() => step(object, world, options), object);
  }
  // Services lead on to where they led: nobody knows yet who is ready.
  if (pods.hasUnseen) lookAgainAfter(unseenMs);
  else await attempt(() => services.publish(world));
}

async function step(
  object: StoredObject,
  world: World,
  { store, writer, pods, claims }: ReconciliationOptions,
): Promise<void> {
  if (isOfKind(object, "Pod")) {
    if (object.deleting === undefined)
      for (const claim of missingClaims(object, store)) await writer.create(claim, { owner: object.uid });
    return await pods.run(object);
  }
  if (object.deleting === undefined) {
    // Pods that are well would be taken for broken ones, and be replaced.
    if (pods.hasUnseen) return world.lookAgainAfter(unseenMs);
    return await reconcileObject(object, world);
  }
  if (!(await stepOfRemoval(object, object.deleting, store))) return;
  if (isOfKind(object, "PersistentVolumeClaim")) await claims.remove(object);
  await writer.remove(object);
}

/** A pod of which nothing is left. What is its own goes first: nobody would know whose it was. */
export async function forgetPod(
  pod: StoredPod,
  { store, writer, claims }: Pick<ReconciliationOptions, "store" | "writer" | "claims">,
): Promise<void> {
  const owned = store.list().filter(({ owner }) => owner === pod.uid);
  for (const own of owned) await store.beginRemoval(own, {});
  const users = owned.flatMap((own) => usersOf(own, store));
  // Another pod may use them too: they go after that, each by itself.
  if (users.every(({ uid }) => uid === pod.uid)) await claims.removeOfPod(pod);
  const owner = store.list().find(({ uid }) => uid === pod.owner);
  if (owner !== undefined && isOfKind(owner, "Job")) await countGone(owner, pod, store);
  await writer.remove(pod);
}

/** A job does not make another pod for one that has ended and was removed: what that came to counts on. */
async function countGone(job: StoredObject<ManifestOf<"Job">>, pod: StoredPod, store: ObjectStore) {
  const end = endOfGone(job, pod);
  if (end === undefined) return;
  await store.update(job, (now) => withEnd(now, end));
}
