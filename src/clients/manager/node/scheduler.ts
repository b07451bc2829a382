import type { Clock } from "../../../ground/clock/index.ts";
import { type PodEvent, type PodStatus, unscheduledStatus } from "../../podlife/index.ts";
import type { ObjectStore } from "../object-store.ts";
import { keyOf, type ObjectKey, type StoredPod, titleOf } from "../objects.ts";
import { type Pressure, whyNotFit } from "./fit.ts";
import type { Node } from "./node.ts";
import { whyNotBound } from "./unbound-claims.ts";

export type SchedulerOptions = {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly node: Node;
  readonly pressure: Pressure;
  readonly isOver: (pod: StoredPod) => boolean;
  readonly onStatus: (pod: StoredPod, status: PodStatus) => void;
  readonly onEvent: (key: ObjectKey, event: PodEvent) => void;
};

/**
 * Admits pods while they fit on the node, oldest first; a smaller one does not wait for a larger one before
 * it. Admission is stored, so that running pods continue after a restart, whatever waits.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #waiting = new Map<string, PodStatus>();

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  /** The status of a waiting pod. */
  status(uid: string): PodStatus | undefined {
    return this.#waiting.get(uid);
  }

  /** Checks all waiting pods. */
  async schedule(): Promise<void> {
    const { store, isOver, node } = this.#options;
    const pods = store.listOf("Pod");
    const there = pods.filter((pod) => isTakenOn(pod) && !isOver(pod)).map(({ manifest }) => manifest.spec);
    const waiting = pods.filter((pod) => !isTakenOn(pod) && pod.deleting === undefined);
    const taken: Promise<unknown>[] = [];
    for (const uid of this.#waiting.keys())
      if (!waiting.some((pod) => pod.uid === uid)) this.#waiting.delete(uid);
    for (const pod of waiting.toSorted((one, other) => Number(one.createdAtNs - other.createdAtNs))) {
      const { spec } = pod.manifest;
      const why = whyNotBound(pod, store) ?? whyNotFit(spec, there, node, this.#options.pressure);
      if (why !== undefined) this.#wait(pod, why);
      else {
        there.push(spec);
        taken.push(this.#take(pod));
      }
    }
    await Promise.all(taken);
  }

  #wait(pod: StoredPod, message: string): void {
    const before = this.#waiting.get(pod.uid);
    const status = unscheduledStatus(pod.manifest.spec, message, this.#options.clock.nowNs(), before);
    if (status === before) return;
    this.#waiting.set(pod.uid, status);
    this.#options.onStatus(pod, status);
    this.#tell(pod, "Warning", "FailedScheduling", message);
  }

  async #take(pod: StoredPod): Promise<void> {
    const scheduledAtNs = this.#options.clock.nowNs();
    await this.#options.store.update(pod, () => ({ scheduledAtNs }));
    this.#waiting.delete(pod.uid);
    const { labels } = this.#options.node;
    const name = titleOf(keyOf(pod)).slice("Pod ".length);
    this.#tell(
      pod,
      "Normal",
      "Scheduled",
      `Successfully assigned ${name} to ${labels["kubernetes.io/hostname"]}`,
    );
  }

  #tell(pod: StoredPod, type: PodEvent["type"], reason: string, message: string): void {
    this.#options.onEvent(keyOf(pod), { type, reason, message, atNs: this.#options.clock.nowNs() });
  }
}

export function isTakenOn({ scheduledAtNs }: StoredPod): boolean {
  return scheduledAtNs !== undefined;
}
