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
  /** When pods are evicted, and images collected. */
  readonly limits: NodeLimits;
  readonly onProblem: (message: string) => void;
  readonly onStatus: (pod: StoredPod) => void;
  readonly onEvent: (key: ObjectKey, event: PodEvent) => void;
  /** Nothing of it is left, and it may be forgotten. */
  readonly onRemoved: (pod: StoredPod) => Promise<void>;
  /** Something has come about that asks for a reconciliation. */
  readonly onChange: () => void;
  readonly onFailure: (pod: StoredPod, error: unknown) => void;
};

export type NodeLimits = {
  /** A kubelet's `evictionHard`. */
  readonly eviction: Readonly<Record<string, string>>;
  /** Of the disk with images, from which part in use on unused ones are removed, and down to which. */
  readonly imagesHighPercent: number;
  readonly imagesLowPercent: number;
};

/** Pod objects on this node: which of them run, and what is known of each. */
export class NodePods implements AsyncDisposable {
  readonly #options: NodePodsOptions;
  readonly #workers: PodSet;
  readonly #scheduler: Scheduler;
  readonly #pressure: NodePressure;
  readonly #images: ImageCollection;
  /** Pods that an earlier manager has begun, until it is known what became of them. */
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

  /** Of now, or the last that was kept; of one that nobody has looked at yet that it is pending. */
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

  /** Whether pods would be taken for broken ones that nobody has looked at yet. */
  get hasUnseen(): boolean {
    if (this.#unseen.size === 0) return false;
    const there = new Set(this.#options.store.listOf("Pod").map(({ uid }) => uid));
    for (const uid of this.#unseen)
      if (!there.has(uid) || this.#workers.isSeen(uid)) this.#unseen.delete(uid);
    return this.#unseen.size > 0;
  }

  /** Takes on the pods that there is room for; the others wait. */
  async schedule(): Promise<void> {
    await this.#scheduler.schedule();
  }

  /** Runs a pod that was taken on, or ends it. */
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

  /** A config map or secret has changed, been made or removed: volumes of pods follow. */
  objectsChanged(namespace: string): void {
    this.#workers.objectsChanged(namespace);
  }

  /** Pods go on. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pressure[Symbol.asyncDispose]();
    await this.#images[Symbol.asyncDispose]();
    await this.#workers[Symbol.asyncDispose]();
  }

  /** What a pod came to outlives what the runtime keeps of it. */
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
