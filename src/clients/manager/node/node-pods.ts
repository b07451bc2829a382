import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../../../ground/clock/index.ts";
import { type PodEvent, type PodStatus, pendingStatus, probeResults } from "../../podlife/index.ts";
import type { Pod } from "../../podspec/index.ts";
import type { ObjectStore } from "../object-store.ts";
import { isOfKind, type ObjectKey, type StoredObject, type StoredPod } from "../objects.ts";
import { PodSet, type PodSetOptions } from "../pod-set.ts";
import { ImageCollection } from "./image-collection.ts";
import type { Node } from "./node.ts";
import { NodePressure } from "./node-pressure.ts";
import { isTakenOn, Scheduler } from "./scheduler.ts";
import { checkImageLimits, readThresholds } from "./thresholds.ts";

export type NodePodsOptions = Omit<PodSetOptions, "onStatus" | "onOver" | "onEvent" | "onRemoved"> & {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly node: Node;
  readonly dataDir: string;
  /** When to evict pods and collect images. */
  readonly limits: NodeLimits;
  readonly onProblem: (message: string) => void;
  readonly onStatus: (pod: StoredPod) => void;
  readonly onEvent: (key: ObjectKey, event: PodEvent) => void;
  /** Called when nothing of a pod is left, so that its object can be removed. */
  readonly onRemoved: (pod: StoredPod) => Promise<void>;
  /** Called when a reconciliation is necessary. */
  readonly onChange: () => void;
  readonly onFailure: (pod: StoredPod, error: unknown) => void;
};

export type NodeLimits = {
  /** A kubelet's `evictionHard`. */
  readonly eviction: Readonly<Record<string, string>>;
  /** Used part of the images' disk, in percent, at which unused images are removed, and down to which. */
  readonly imagesHighPercent: number;
  readonly imagesLowPercent: number;
};

/** Pod objects on this node: which of them run, and the status of each. */
export class NodePods implements AsyncDisposable {
  readonly #options: NodePodsOptions;
  readonly #workers: PodSet;
  readonly #scheduler: Scheduler;
  readonly #pressure: NodePressure;
  readonly #images: ImageCollection;
  /** Pods that an earlier manager started and whose state is not known yet. */
  readonly #unseen: Set<string>;

  constructor(options: NodePodsOptions) {
    this.#options = options;
    const { store, onEvent, onFailure } = options;
    this.#unseen = new Set(
      store
        .listOf("Pod")
        .filter(isTakenOn)
        .map(({ uid }) => uid),
    );
    this.#workers = new PodSet({
      ...options,
      onStatus: (uid, status) => {
        this.#tellStatus(uid, status);
        options.onChange();
      },
      onOver: (uid, status) => this.#keepStatus(uid, status),
      onEvent: ({ metadata: { namespace, name } }: Pod, event) =>
        onEvent({ kind: "Pod", namespace, name }, event),
      onRemoved: (uid) => {
        const pod = this.#podOf(uid);
        if (pod !== undefined) options.onRemoved(pod).catch((error: unknown) => onFailure(pod, error));
      },
    });
    const { imagesHighPercent: highPercent, imagesLowPercent: lowPercent, eviction } = options.limits;
    checkImageLimits(highPercent, lowPercent);
    this.#images = new ImageCollection({ ...options, highPercent, lowPercent });
    this.#pressure = new NodePressure({
      ...options,
      thresholds: readThresholds(eviction),
      pods: () =>
        store.listOf("Pod").filter((pod) => isTakenOn(pod) && !pod.deleting && !isOver(this.status(pod))),
      evict: (pod, message) => this.#workers.evict(pod.uid, message),
    });
    this.#scheduler = new Scheduler({
      ...options,
      pressure: this.#pressure,
      isOver: (pod) => isOver(this.status(pod)),
      onStatus: (pod, status) => options.onStatus({ ...pod, status: { pod: status } }),
    });
  }

  /** The current or last stored status; Pending for a pod that was not observed yet. */
  status({ uid, status, manifest }: StoredPod): PodStatus {
    const known = this.#scheduler.status(uid) ?? this.#workers.status(uid) ?? status?.pod;
    return known ?? pendingStatus(manifest.spec, []);
  }

  get nodeLabels(): Node["labels"] {
    return this.#options.node.labels;
  }

  withStatus(object: StoredObject): StoredObject {
    if (!isOfKind(object, "Pod")) return object;
    return { ...object, status: { ...object.status, pod: this.status(object) } };
  }

  /** Whether there are pods that were not observed yet, and so would be taken for broken ones. */
  get hasUnseen(): boolean {
    if (this.#unseen.size === 0) return false;
    const there = new Set(this.#options.store.listOf("Pod").map(({ uid }) => uid));
    for (const uid of this.#unseen)
      if (!there.has(uid) || this.#workers.isSeen(uid)) this.#unseen.delete(uid);
    return this.#unseen.size > 0;
  }

  /** Admits the pods that fit; the others wait. */
  async schedule(): Promise<void> {
    await this.#scheduler.schedule();
  }

  /** Runs an admitted pod, or ends it. */
  async run(object: StoredPod): Promise<void> {
    const { uid, scheduledAtNs, manifest, deleting, probeResults, ephemeralContainers = [] } = object;
    if (scheduledAtNs === undefined) {
      if (deleting !== undefined) await this.#options.onRemoved(object);
      return;
    }
    const metadata = { ...manifest.metadata, uid };
    const pod = { metadata, spec: manifest.spec, startTimeNs: scheduledAtNs };
    this.#workers.run(pod, { lastStatus: object.status?.pod, probeResults, deleting });
    this.#workers.setEphemeral(uid, ephemeralContainers);
  }

  /**
   * To be called when a config map or secret was created, changed or removed; updates the volumes of pods.
   */
  objectsChanged(namespace: string): void {
    this.#workers.objectsChanged(namespace);
  }

  /** Pods keep running. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pressure[Symbol.asyncDispose]();
    await this.#images[Symbol.asyncDispose]();
    await this.#workers[Symbol.asyncDispose]();
  }

  /** Stores the status: how a pod ended must outlive the runtime's record of it. */
  #tellStatus(uid: string, status: PodStatus): void {
    const pod = this.#podOf(uid);
    if (pod === undefined) return;
    const { store, onStatus, onFailure } = this.#options;
    onStatus({ ...pod, status: { pod: status } });
    const results = probeResults(pod.manifest.spec, status);
    const kept = {
      ...(isOver(status) ? { status: { pod: status } } : {}),
      ...(isDeepStrictEqual(results, pod.probeResults ?? {}) ? {} : { probeResults: results }),
    };
    if (Object.keys(kept).length > 0)
      store.update(pod, () => kept).catch((error: unknown) => onFailure(pod, error));
  }

  async #keepStatus(uid: string, status: PodStatus): Promise<void> {
    const pod = this.#podOf(uid);
    if (pod === undefined) return;
    await this.#options.store.update(pod, (before) =>
      isDeepStrictEqual(before.status?.pod, status) ? undefined : { status: { pod: status } },
    );
  }

  #podOf(uid: string): StoredPod | undefined {
    return this.#options.store.listOf("Pod").find((one) => one.uid === uid);
  }
}

function isOver({ phase }: PodStatus): boolean {
  return phase === "Succeeded" || phase === "Failed";
}
