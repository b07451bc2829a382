import type { Clock } from "../../ground/clock/index.ts";
import type { ManifestOf } from "../manifests/index.ts";
import type { PodEvent } from "../podlife/index.ts";
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
  readonly onEvent: (object: StoredObject, event: PodEvent) => void;
  /** Called when a step for an object failed, or one without an object. */
  readonly onFailure: (error: unknown, object?: StoredObject) => void;
};

/** Delay after a failure of something that nobody requested. */
const retryMs = 5_000;
/** Delay while pods of an earlier manager have not been observed yet. */
const unseenMs = 500;

/** Moves the actual state towards the objects' specifications, by one step for each object. */
export async function reconcileAll(
  options: ReconciliationOptions,
  lookAgainAfter: (ms: number) => void,
): Promise<void> {
  const { store, writer, clock, pods, services, onStatus, onEvent, onFailure } = options;
  const world = storeWorld({
    store,
    clock,
    nodeLabels: pods.nodeLabels,
    podStatus: (pod) => pods.status(pod),
    writer,
    onStatus,
    onEvent,
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
  // Services keep their endpoints, since it is not known yet which pods are ready.
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
    // Otherwise, healthy pods would be taken for broken ones, and be replaced.
    if (pods.hasUnseen) return world.lookAgainAfter(unseenMs);
    return await reconcileObject(object, world);
  }
  if (!(await stepOfRemoval(object, object.deleting, store))) return;
  if (isOfKind(object, "PersistentVolumeClaim")) await claims.remove(object);
  await writer.remove(object);
}

/**
 * Removes a pod of which nothing is left. What it owns is removed first: afterwards, nobody would know whose
 * it was.
 */
export async function forgetPod(
  pod: StoredPod,
  { store, writer, claims }: Pick<ReconciliationOptions, "store" | "writer" | "claims">,
): Promise<void> {
  const owned = store.list().filter(({ owner }) => owner === pod.uid);
  for (const own of owned) await store.beginRemoval(own, {});
  const users = owned.flatMap((own) => usersOf(own, store));
  // Another pod may use them, too; then each is removed later.
  if (users.every(({ uid }) => uid === pod.uid)) await claims.removeOfPod(pod);
  const owner = store.list().find(({ uid }) => uid === pod.owner);
  if (owner !== undefined && isOfKind(owner, "Job")) await countGone(owner, pod, store);
  await writer.remove(pod);
}

/** Records how a job's pod ended before it is removed, so that the job still counts it. */
async function countGone(job: StoredObject<ManifestOf<"Job">>, pod: StoredPod, store: ObjectStore) {
  const end = endOfGone(job, pod);
  if (end === undefined) return;
  await store.update(job, (now) => withEnd(now, end));
}
