import { randomInt } from "node:crypto";
import { isOfKind, type StoredObject, type StoredPod } from "../objects.ts";
import type { World } from "./world.ts";

/** How many pods an object creates in one turn, as in Kubernetes. */
export const mostPodsAtOnce = 500;

/** The pods that an object created, oldest first. */
export function podsOf(owner: StoredObject, world: World): readonly StoredPod[] {
  return world
    .owned(owner)
    .filter((one) => isOfKind(one, "Pod"))
    .toSorted((a, b) => Number(a.createdAtNs - b.createdAtNs));
}

export function hasEnded(pod: StoredPod, world: World): boolean {
  const phase = world.podStatus(pod)?.phase;
  return phase === "Succeeded" || phase === "Failed";
}

/** When a pod became ready, in nanoseconds since 1970; undefined while it is not ready. */
export function readySinceNs(pod: StoredPod, world: World): bigint | undefined {
  const ready = world.podStatus(pod)?.conditions.find(({ type }) => type === "Ready");
  if (ready?.status !== "True" || pod.deleting !== undefined) return undefined;
  return BigInt(Date.parse(ready.lastTransitionTime)) * 1_000_000n;
}

export function isReady(pod: StoredPod, world: World): boolean {
  return readySinceNs(pod, world) !== undefined;
}

/** Whether a pod has been ready for this many seconds; schedules another look for when it will be. */
export function isAvailable(pod: StoredPod, minReadySeconds: number, world: World): boolean {
  const since = readySinceNs(pod, world);
  if (since === undefined) return false;
  const leftMs = minReadySeconds * 1000 - Number(world.nowNs() - since) / 1e6;
  if (minReadySeconds === 0 || leftMs <= 0) return true;
  world.lookAgainAfter(leftMs);
  return false;
}

/** Letters that do not form words, the same as in Kubernetes. */
const letters = "bcdfghjklmnpqrstvwxz2456789";

/** A name for one of many: `web-x7k2q`. */
export function generatedName(base: string): string {
  const suffix = Array.from({ length: 5 }, () => letters[randomInt(letters.length)]).join("");
  return `${base.slice(0, 57)}-${suffix}`;
}
