import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { Clock } from "../../ground/clock/index.ts";
import type { Client } from "../criclient/index.ts";
import type { Manifest } from "../manifests/index.ts";
import type { PodEvent, PodStatus, PullCredentials } from "../podlife/index.ts";
import { logDirectory, logPath, type Pod } from "../podspec/index.ts";
import { type Applied, planApply } from "./apply.ts";
import { hostIp } from "./host-ip.ts";
import { ObjectStore, type Persistence } from "./object-store.ts";
import { isOfKind, keyOf, type ObjectKey, type StoredObject, type StoredPod, titleOf } from "./objects.ts";
import { PodSet } from "./pod-set.ts";
import { Reconciler } from "./reconciler.ts";

export type ManagerOptions = {
  readonly client: Client;
  readonly clock: Clock;
  readonly persistence: Persistence;
  /** Where pods have their directories. */
  readonly podsDir: string;
  readonly logRoot: string;
  readonly credentials: PullCredentials;
  readonly onStatus?: (object: StoredObject) => void;
  readonly onEvent?: (title: string, event: PodEvent) => void;
};

export type ApplyOptions = {
  /** Says what would be done, and does nothing. */
  readonly dryRun?: boolean;
  /** Ends what cannot be changed and makes it anew, where that is needed. */
  readonly replace?: boolean;
};

/** Keeps objects, and runs what they ask for, over one CRI endpoint. */
export class Manager implements AsyncDisposable {
  readonly #options: ManagerOptions;
  readonly #store: ObjectStore;
  readonly #pods: PodSet;
  readonly #reconciler: Reconciler;

  private constructor(options: ManagerOptions, store: ObjectStore, changed: () => void) {
    this.#options = options;
    this.#store = store;
    const { client, clock, podsDir, logRoot, credentials } = options;
    this.#pods = new PodSet({
      client,
      clock,
      credentials,
      runtimeName: "berth",
      hostIp: hostIp(),
      context: {
        podsDir,
        logRoot,
        objects: {
          configMap: (namespace, name) => store.getOf("ConfigMap", namespace, name)?.manifest,
          secret: (namespace, name) => store.getOf("Secret", namespace, name)?.manifest,
          claimDirectory: async () => undefined,
        },
      },
      onStatus: (uid, status) => {
        const pod = this.#podOf(uid);
        if (pod !== undefined) options.onStatus?.({ ...pod, status: { pod: status } });
        changed();
      },
      onEvent: ({ metadata: { namespace, name } }: Pod, event) =>
        options.onEvent?.(titleOf({ kind: "Pod", namespace, name }), event),
      onRemoved: (uid) => void this.#onRemoved(uid),
    });
    this.#reconciler = new Reconciler({ clock, reconcile: () => this.#reconcile() });
  }

  /** Takes up what was kept. */
  static async open(options: ManagerOptions): Promise<Manager> {
    let wake = () => {};
    const changed = () => wake();
    const manager = new Manager(options, await ObjectStore.open(options.persistence, changed), changed);
    wake = () => manager.#reconciler.request();
    changed();
    return manager;
  }

  /** All objects, pods with their status of now. */
  list(): readonly StoredObject[] {
    return this.#store.list().map((object) => this.#withStatus(object));
  }

  get(key: ObjectKey): StoredObject | undefined {
    const found = this.#store.get(key);
    return found && this.#withStatus(found);
  }

  /** Makes or changes objects. Throws ManagerError before anything is changed. */
  async apply(manifests: readonly Manifest[], options: ApplyOptions = {}): Promise<readonly Applied[]> {
    const planned = planApply(manifests, (key) => this.#store.get(key), options);
    if (options.dryRun === true) return planned;
    for (const { manifest, outcome } of planned) {
      const before = this.#store.get({ kind: manifest.kind, ...manifest.metadata });
      if (outcome === "created") await this.#create(manifest);
      else if (outcome === "configured" && before !== undefined)
        await this.#store.put({ ...before, manifest, generation: before.generation + 1 });
      else if (outcome === "replaced" && before !== undefined) {
        await this.delete(keyOf(before));
        await this.waitUntilGone(before.uid);
        await this.#create(manifest);
      }
    }
    return planned;
  }

  /** Begins to remove an object and all that it owns. False when there is none. */
  async delete(key: ObjectKey, graceSeconds?: number): Promise<boolean> {
    const object = this.#store.get(key);
    if (object === undefined) return false;
    const deleting = graceSeconds === undefined ? {} : { graceSeconds };
    await this.#store.put({ ...object, deleting });
    return true;
  }

  /** The log of a container's attempt. */
  logPath({ uid, manifest, createdAtNs }: StoredPod, container: string, attempt: number): string {
    const pod = { metadata: { ...manifest.metadata, uid }, spec: manifest.spec, startTimeNs: createdAtNs };
    return join(logDirectory(this.#options, pod), logPath(container, attempt));
  }

  /** Resolves when no object has this uid. */
  async waitUntilGone(uid: string, signal?: AbortSignal): Promise<void> {
    await this.#reconciler.until(() => this.#store.list().every((one) => one.uid !== uid), signal);
  }

  /** Resolves when this holds, looked at after each change. */
  async until(holds: () => boolean, signal?: AbortSignal): Promise<void> {
    await this.#reconciler.until(holds, signal);
  }

  /** Pods go on: the next manager takes them up. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reconciler[Symbol.asyncDispose]();
    await this.#pods[Symbol.asyncDispose]();
  }

  async #create(manifest: Manifest, owner?: string): Promise<void> {
    await this.#store.put({
      manifest,
      uid: randomUUID(),
      createdAtNs: this.#options.clock.nowNs(),
      generation: 1,
      ...(owner === undefined ? {} : { owner }),
    });
  }

  async #reconcile(): Promise<void> {
    for (const object of this.#store.list()) {
      if (isOfKind(object, "Pod")) this.#runPod(object);
      else if (object.deleting !== undefined) await this.#store.remove(object);
    }
  }

  #runPod(object: StoredPod): void {
    const { uid, createdAtNs, manifest, deleting } = object;
    if (!this.#pods.has(uid))
      this.#pods.run({
        metadata: { ...manifest.metadata, uid },
        spec: manifest.spec,
        startTimeNs: createdAtNs,
      });
    if (deleting !== undefined) this.#pods.remove(uid, deleting.graceSeconds);
  }

  async #onRemoved(uid: string): Promise<void> {
    const pod = this.#podOf(uid);
    if (pod !== undefined) await this.#store.remove(pod);
  }

  #podOf(uid: string): StoredPod | undefined {
    return this.#store.listOf("Pod").find((one) => one.uid === uid);
  }

  #withStatus(object: StoredObject): StoredObject {
    const pod: PodStatus | undefined = this.#pods.status(object.uid);
    return pod === undefined ? object : { ...object, status: { ...object.status, pod } };
  }
}
