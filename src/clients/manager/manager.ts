import { join } from "node:path";
import type { Clock } from "../../ground/clock/index.ts";
import { messageOf } from "../../ground/errors/index.ts";
import { TreeRemover } from "../../ground/trees/index.ts";
import type { Client } from "../criclient/index.ts";
import type { Manifest } from "../manifests/index.ts";
import type { LogLimits, PodEvent, PullCredentials, StepObserver } from "../podlife/index.ts";
import { logDirectory, logPath } from "../podspec/index.ts";
import { type Applied, planApply } from "./apply.ts";
import { applyPlanned } from "./applying.ts";
import { Claims } from "./claims.ts";
import { withEphemeral } from "./ephemeral.ts";
import { ManagerError, notFound } from "./errors.ts";
import { hostIps } from "./host-ips.ts";
import { type Node, readNode } from "./node/node.ts";
import { type NodeLimits, NodePods } from "./node/node-pods.ts";
import { ObjectStore, type Persistence } from "./object-store.ts";
import { ObjectWriter } from "./object-writer.ts";
import { isOfKind, keyOf, type ObjectKey, type StoredObject, type StoredPod, titleOf } from "./objects.ts";
import { podContext } from "./pod-context.ts";
import { Reconciler } from "./reconciler.ts";
import { forgetPod, reconcileAll } from "./reconciliation.ts";
import { undone, withRestart } from "./rollout.ts";
import { withReplicas } from "./scale.ts";
import { NodeServices, type ServiceNetworkSource } from "./services/node-services.ts";

export type ManagerOptions = {
  readonly client: Client;
  readonly clock: Clock;
  readonly persistence: Persistence;
  /** Directory of the data of pods and claims. */
  readonly dataDir: string;
  readonly logRoot: string;
  readonly credentials: PullCredentials;
  /** See PodContext; by default that of the machine. */
  readonly usersDir?: string;
  /** The network of services, created when it is needed; without it, services have none. */
  readonly serviceNetwork?: ServiceNetworkSource;
  /** Labels of the node that pods may select, in addition to its automatic ones. */
  readonly nodeLabels?: Readonly<Record<string, string>>;
  /** When to evict pods and collect images; by default never. */
  readonly limits?: NodeLimits;
  /** Limits of containers' logs; by default a kubelet's. */
  readonly logLimits?: LogLimits;
  /** Whether the directories of removed claims are kept. */
  readonly keepClaims?: boolean;
  /** Called when a pod or the status of another object has changed. */
  readonly onStatus?: (object: StoredObject) => void;
  readonly onEvent?: (key: ObjectKey, event: PodEvent) => void;
  /** Called when an object was removed, even if another takes its place. */
  readonly onGone?: (key: ObjectKey) => void;
  /** For fault tests: called before each step of a pod and each stored change. */
  readonly observer?: StepObserver;
};

export type ApplyOptions = {
  /** Only reports what would be done. */
  readonly dryRun?: boolean;
  /** Deletes and recreates objects that cannot be changed. */
  readonly replace?: boolean;
  /** The source of the objects, such as the path of a watched directory. */
  readonly source?: string;
};

/** Stores objects and runs them on one CRI endpoint. */
export class Manager implements AsyncDisposable {
  readonly #options: ManagerOptions;
  readonly #store: ObjectStore;
  readonly #writer: ObjectWriter;
  readonly #claims: Claims;
  readonly #pods: NodePods;
  readonly #services: NodeServices;
  readonly #reconciler: Reconciler;
  readonly #trees = new TreeRemover();

  private constructor(options: ManagerOptions, store: ObjectStore, node: Node, changed: () => void) {
    this.#options = options;
    this.#store = store;
    const { client, clock, dataDir, credentials } = options;
    this.#claims = new Claims({ dataDir, store, keep: options.keepClaims === true });
    this.#writer = new ObjectWriter({
      store,
      clock,
      onDataChanged: (namespace) => this.#pods.objectsChanged(namespace),
      onGone: (key) => options.onGone?.(key),
    });
    this.#services = new NodeServices({
      store,
      clock,
      network: options.serviceNetwork,
      onProblem: (message) => this.#failedOnNode(message),
      onOtherAddress: (service, { reason, message }) => this.#warn(keyOf(service), reason, message),
    });
    this.#pods = new NodePods({
      store,
      node,
      dataDir,
      limits: options.limits ?? { eviction: {}, imagesHighPercent: 100, imagesLowPercent: 100 },
      onProblem: (message) => this.#failedOnNode(message),
      client,
      clock,
      credentials,
      observer: options.observer ?? (() => {}),
      hostIps: hostIps(),
      logLimits: options.logLimits ?? { maxBytes: 10 * 2 ** 20, maxFiles: 5 },
      context: podContext({
        ...options,
        store,
        claims: this.#claims,
        services: this.#services,
        trees: this.#trees,
        node,
      }),
      onStatus: (pod) => options.onStatus?.(pod),
      onEvent: (key, event) => options.onEvent?.(key, event),
      onChange: changed,
      onRemoved: (pod) => forgetPod(pod, { store, writer: this.#writer, claims: this.#claims }),
      onFailure: (pod, error) => this.#failed(keyOf(pod), error),
    });
    const reconciliation = {
      store,
      clock,
      writer: this.#writer,
      pods: this.#pods,
      services: this.#services,
      claims: this.#claims,
      onStatus: (object: StoredObject) => options.onStatus?.(object),
      onEvent: (object: StoredObject, event: PodEvent) => options.onEvent?.(keyOf(object), event),
      onFailure: (error: unknown, object?: StoredObject) =>
        object === undefined ? this.#failedOnNode(messageOf(error)) : this.#failed(keyOf(object), error),
    };
    this.#reconciler = new Reconciler({ clock, reconcile: (again) => reconcileAll(reconciliation, again) });
  }

  /** Opens the manager with the stored objects. */
  static async open(options: ManagerOptions): Promise<Manager> {
    let wake = () => {};
    const changed = () => wake();
    const store = await ObjectStore.open(options.persistence, changed, options.observer, options.clock);
    const node = await readNode(options.dataDir, options.nodeLabels);
    const manager = new Manager(options, store, node, changed);
    wake = () => manager.#reconciler.request();
    changed();
    return manager;
  }

  /** All objects, with the current status of pods. */
  list(): readonly StoredObject[] {
    return this.#store.list().map((object) => this.#pods.withStatus(object));
  }

  get(key: ObjectKey): StoredObject | undefined {
    const found = this.#store.get(key);
    return found && this.#pods.withStatus(found);
  }

  /**
   * Creates or changes objects. Throws ManagerError before anything is changed, or if an object to be changed
   * is deleted meanwhile.
   */
  async apply(manifests: readonly Manifest[], options: ApplyOptions = {}): Promise<readonly Applied[]> {
    const planned = planApply(manifests, this.#store, options);
    if (options.dryRun === true) return planned;
    await applyPlanned(planned, {
      store: this.#store,
      writer: this.#writer,
      source: options.source,
      waitUntilGone: (uid) => this.waitUntilGone(uid),
    });
    return planned;
  }

  /**
   * Begins to remove an object and all that it owns; a pending replacement is cancelled. Throws ManagerError
   * NotFound.
   */
  async delete(key: ObjectKey, graceSeconds?: number): Promise<StoredObject> {
    const object = this.#require(key);
    await this.#store.update(object, ({ deleting: { successor: _, ...deleting } = {} }) => ({
      deleting: graceSeconds === undefined ? deleting : { ...deleting, graceSeconds },
    }));
    return object;
  }

  /** Replaces an object's pods, one after the other, by its strategy. Throws ManagerError. */
  async restart(key: ObjectKey): Promise<void> {
    const nowNs = this.#options.clock.nowNs();
    await this.#writer.change(this.#require(key), ({ manifest }) => withRestart(manifest, nowNs));
  }

  /** Changes the number of pods of a Deployment, ReplicaSet or StatefulSet. Throws ManagerError. */
  async scale(key: ObjectKey, replicas: number): Promise<void> {
    await this.#writer.change(this.#require(key), ({ manifest }) => withReplicas(manifest, replicas));
  }

  /**
   * Restores the template of an earlier revision of a Deployment, StatefulSet or DaemonSet, 0 for the
   * previous one. Returns its number, or undefined if that template is already the current one. Throws
   * ManagerError.
   */
  async undo(key: ObjectKey, revision: number): Promise<number | undefined> {
    const object = this.#require(key);
    const owned = this.#store.list().filter(({ owner }) => owner === object.uid);
    let changedTo: number | undefined;
    await this.#writer.change(object, (now) => {
      const past = undone(now, owned, revision);
      if (past.manifest !== undefined) changedTo = past.revision;
      return past.manifest;
    });
    return changedTo;
  }

  /** Adds a container, in JSON, to a running pod. Throws ManifestError and ManagerError. */
  async addEphemeralContainer(key: ObjectKey, container: string): Promise<void> {
    const isThere = await this.#store.update(this.#require(key), (pod) => {
      if (!isOfKind(pod, "Pod")) throw new ManagerError("InvalidArgument", `${titleOf(key)} is not a pod`);
      return { ephemeralContainers: withEphemeral(pod, this.#pods.status(pod), container) };
    });
    if (!isThere) throw notFound(key);
  }

  /** Path of the log of a container's attempt. */
  logPath({ uid, manifest, createdAtNs }: StoredPod, container: string, attempt: number): string {
    const pod = { metadata: { ...manifest.metadata, uid }, spec: manifest.spec, startTimeNs: createdAtNs };
    return join(logDirectory(this.#options, pod), logPath(container, attempt));
  }

  /** Resolves when no object has this uid. */
  async waitUntilGone(uid: string, signal?: AbortSignal): Promise<void> {
    await this.until(() => this.#store.list().every((one) => one.uid !== uid), signal);
  }

  /** Resolves when the condition holds; it is checked after each change. */
  async until(holds: () => boolean, signal?: AbortSignal): Promise<void> {
    await this.#reconciler.until(holds, signal);
  }

  /** Pods keep running; the next manager continues with them. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reconciler[Symbol.asyncDispose]();
    await this.#pods[Symbol.asyncDispose]();
    await this.#services[Symbol.asyncDispose]();
    await this.#trees[Symbol.asyncDispose]();
  }

  #require(key: ObjectKey): StoredObject {
    const object = this.#store.get(key);
    if (object === undefined) throw notFound(key);
    return object;
  }

  /** Events without an object are reported for the default namespace. */
  #failedOnNode(message: string): void {
    this.#warn({ kind: "Namespace", namespace: "", name: "default" }, "ReconcileError", message);
  }

  #failed(key: ObjectKey, error: unknown): void {
    this.#warn(key, "ReconcileError", messageOf(error));
  }

  #warn(key: ObjectKey, reason: string, message: string): void {
    const atNs = this.#options.clock.nowNs();
    this.#options.onEvent?.(key, { type: "Warning", reason, message, atNs });
  }
}
