import { join, resolve } from "node:path";
import { messageOf } from "../../ground/errors/index.ts";
import type { HostPaths } from "../../ground/hostpaths/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import { KeyLock } from "../../ground/sync/index.ts";
import type { TreeRemover } from "../../ground/trees/index.ts";
import type { Container } from "../containers/index.ts";
import {
  askFeatures,
  ClientCopy,
  type Criu,
  cgroupOf,
  type OciSpec,
  type Process,
  type Task,
  type TaskExit,
} from "../runtime/index.ts";
import { Bundle, namesIn, type TaskOrigin } from "./bundle.ts";
import { CgroupClaims } from "./cgroup-claims.ts";
import { containerSpec, rootGroup } from "./container-spec.ts";
import { addProcess, type NewProcess } from "./exec.ts";
import { clientStreams, firstProcessIo, type NamedStreams } from "./named-streams.ts";
import { makeRoot, NamespaceRuntimes, type NamespaceRuntimesOptions } from "./namespace-runtimes.ts";
import type { KnownTask, NamespaceTasks, NewTask } from "./namespace-tasks.ts";
import { checkNullDevice, isMapped } from "./null-device.ts";
import { chooseRuntime, chosenHandler } from "./runtime-choice.ts";
import { TaskCheckpoints } from "./task-checkpoints.ts";
import { TasksError } from "./tasks-error.ts";

export type TaskStoreOptions = {
  /** On a tmpfs; everything is in its `tasks/`. */
  readonly stateDir: string;
  readonly runtime: NamespaceRuntimesOptions;
  readonly hostPaths: HostPaths;
  readonly trees: TreeRemover;
  readonly criu: Criu;
  /** On a disk; for checkpoints that are being written or read. */
  readonly checkpointDir: string;
  readonly logger: Logger;
};

type Entry = KnownTask & {
  readonly bundle: Bundle;
  /** The copy to the client of a task with a terminal. */
  readonly copy: ClientCopy | undefined;
  /** The claim on its cgroup. */
  readonly claim: Disposable;
};
type Entries = Map<string, Entry>;

/** The tasks of all namespaces. Disposing of the store only stops watching; the tasks keep running. */
export class TaskStore implements AsyncDisposable {
  readonly #options: TaskStoreOptions;
  readonly #runtimes: NamespaceRuntimes;
  readonly #entries = new Map<string, Entries>();
  readonly #execStreams = new WeakMap<Process, NamedStreams>();
  /** Keyed by namespace and id. */
  readonly #locks = new KeyLock();
  readonly #cgroups = new CgroupClaims();
  readonly checkpoints: TaskCheckpoints;

  private constructor(options: TaskStoreOptions) {
    this.#options = options;
    this.#runtimes = new NamespaceRuntimes(
      join(options.stateDir, "tasks"),
      options.runtime,
      options.hostPaths,
    );
    const { checkpointDir: directory, runtime } = options;
    this.checkpoints = new TaskCheckpoints({ ...options, directory, handlers: runtime.handlers });
  }

  /**
   * Opens the store with the tasks of earlier daemons, running or not, and removes the rest of tasks whose
   * creation or deletion was interrupted. May be called once per state directory in a process.
   */
  static async open(options: TaskStoreOptions): Promise<TaskStore> {
    const store = new TaskStore(options);
    for (const bundlesDir of await store.#runtimes.bundlesDirs())
      for (const id of await namesIn(bundlesDir)) await store.#takeUp(bundlesDir, id);
    await store.checkpoints.clean();
    return store;
  }

  /** Adds a command to any task: see Task.exec. Throws TasksError InvalidArgument, RuntimeError. */
  async exec(task: Task, asked: NewProcess, signal?: AbortSignal): Promise<void> {
    const process = await addProcess(task, asked, this.#options.hostPaths.of(task.id, signal));
    this.#execStreams.set(process, asked.streams);
  }

  /** The streams of a command that {@link exec} added. */
  execStreams(process: Process): NamedStreams | undefined {
    return this.#execStreams.get(process);
  }

  /**
   * The features of the OCI runtime that a client's runtime and options select (runtime-spec, features.md),
   * in JSON; undefined if it does not report any. Throws TasksError InvalidArgument, Unimplemented.
   */
  async runtimeFeatures(runtime: Container["runtime"]): Promise<Uint8Array | undefined> {
    const handler = chosenHandler("that is asked for", runtime, this.#options.runtime.handlers);
    return handler === undefined ? undefined : await askFeatures(handler);
  }

  inNamespace(namespace: string): NamespaceTasks {
    const entries = () => this.#entries.get(namespace);
    return {
      create: (container, task, signal) => this.#create(namespace, container, task, signal),
      get: (id) => entries()?.get(id),
      list: () => [...(entries()?.values() ?? [])],
      delete: (id) => this.#delete(namespace, id),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const entries = [...this.#entries.values()].flatMap((each) => [...each.values()]);
    await Promise.all(entries.map(({ copy }) => copy?.close()));
    await this.#runtimes[Symbol.asyncDispose]();
  }

  async #create(
    namespace: string,
    container: Container,
    asked: NewTask,
    signal?: AbortSignal,
  ): Promise<KnownTask> {
    const { id } = container;
    using _lock = await this.#locks.acquire(`${namespace}/${id}`);
    const entries = this.#entriesOf(namespace);
    if (entries.has(id))
      throw new TasksError("AlreadyExists", `container ${id} has a task already; delete that one first`);
    const spec = containerSpec(namespace, container, asked.streams.terminal);
    const { cgroupsPath } = spec.linux;
    const { handler, criuImagePath, root, ...how } = chooseRuntime(
      { id, runtime: { ...container.runtime, name: asked.runtimePath || container.runtime.name } },
      { options: asked.options, cgroupsPath },
      this.#options.runtime.handlers,
    );
    const lookUp = this.#options.hostPaths.of(`${namespace}/${id}`, signal);
    const { handlers, defaultName } = this.#options.runtime.handlers;
    const handlerName = handler || defaultName;
    checkNullDevice(
      id,
      spec.linux,
      asked.streams,
      handlers.find(({ name }) => name === handlerName),
    );
    const io = firstProcessIo(asked.streams, { id, namespace }, { lookUp, isMapped: isMapped(spec.linux) });
    if (root !== undefined) await makeRoot(namespace, root, lookUp);
    const { tasks, bundlesDir } = await this.#runtimes.for(namespace, { cgroupsPath, root });
    tasks.prewarm();
    using undo = new DisposableStack();
    const claim = undo.use(this.#cgroups.claim(cgroupOf(cgroupsPath)));
    await tasks.checkUnused(cgroupOf(cgroupsPath));
    const bundle = new Bundle(join(bundlesDir, id));
    const checkpoint = asked.checkpoint ?? criuImagePath;
    let mounting: Promise<void> | undefined;
    try {
      const origin = {
        namespace,
        handler: handlerName,
        cgroupsPath,
        streams: asked.streams,
        root,
      };
      bundle.make(origin, rootGroup(spec.linux));
      mounting = bundle.mount(asked.rootfs, lookUp);
      // Only the OCI runtime needs what is mounted: meanwhile, streams are opened and conmon is loaded.
      const ready = mounting.then(() => (checkpoint === undefined ? spec : restorable(spec, bundle)));
      // Whoever waits for it gets the error.
      ready.catch(() => undefined);
      await using copies = new AsyncDisposableStack();
      const copy = copies.use(await this.#openCopy(namespace, id, asked.streams));
      const identity = identityOf(id, bundle, origin);
      const restore =
        checkpoint === undefined ? {} : { restore: this.checkpoints.restoreFrom(origin.handler, checkpoint) };
      const task = await tasks.create({ ...identity, ...how, io, asked, spec: ready, ...restore }, signal);
      copies.move();
      copy?.connect(task);
      const entry = { task, bundle, handler: origin.handler, streams: asked.streams, copy, claim };
      undo.move();
      entries.set(id, entry);
      return entry;
    } catch (error) {
      await mounting?.catch(() => undefined);
      await this.#discard(bundle);
      throw error;
    }
  }

  /** Ignores errors, because the caller has to report the first one; the next start removes what is left. */
  async #discard(bundle: Bundle): Promise<void> {
    await bundle
      .remove(this.#options.trees)
      .catch((err: unknown) =>
        this.#options.logger.error({ err, path: bundle.directory }, "rolling back a task failed"),
      );
  }

  async #delete(namespace: string, id: string): Promise<TaskExit> {
    using _lock = await this.#locks.acquire(`${namespace}/${id}`);
    const entries = this.#entriesOf(namespace);
    const entry = entries.get(id);
    if (entry === undefined)
      throw new TasksError(
        "NotFound",
        `container ${JSON.stringify(id)} in namespace ${namespace} has no task`,
      );
    const { task, bundle, copy, claim } = entry;
    if (task.state().kind === "running")
      throw new TasksError(
        "FailedPrecondition",
        `task ${id} must be stopped before deletion: running; kill it first`,
      );
    await task.delete();
    await copy?.[Symbol.asyncDispose]();
    await bundle.remove(this.#options.trees);
    entries.delete(id);
    claim[Symbol.dispose]();
    return await task.wait();
  }

  async #takeUp(bundlesDir: string, id: string): Promise<void> {
    const { trees, logger } = this.#options;
    const bundle = new Bundle(join(bundlesDir, id));
    try {
      const origin = await bundle.origin();
      if (origin === undefined) return await bundle.remove(trees);
      const { namespace, streams, handler, cgroupsPath } = origin;
      const { tasks } = await this.#runtimes.for(namespace, origin);
      const task = await tasks.attach(identityOf(id, bundle, origin));
      await this.checkpoints.endLeft(namespace, task);
      if (wasMade(task)) {
        const claim = this.#cgroups.claim(cgroupOf(cgroupsPath));
        const copy = await this.#copyAgain(namespace, task, streams);
        this.#entriesOf(namespace).set(id, { task, bundle, handler, streams, copy, claim });
        return;
      }
      logger.warn(
        { namespace, container: id },
        "a task was being created or deleted when the daemon ended: it is removed",
      );
      await task.delete();
      await bundle.remove(trees);
    } catch (err) {
      logger.error(
        { err, container: id, path: bundle.directory },
        "a task cannot be recovered; the next start tries again",
      );
    }
  }

  async #openCopy(namespace: string, id: string, streams: NamedStreams): Promise<ClientCopy | undefined> {
    if (!streams.terminal) return undefined;
    const lookUp = this.#options.hostPaths.of(`${namespace}/${id}`);
    return await ClientCopy.open(clientStreams(streams, { id, namespace }, lookUp));
  }

  /**
   * Connects a task to its client's FIFOs again. The client may be gone with its FIFOs; the task can do
   * without.
   */
  async #copyAgain(namespace: string, task: Task, streams: NamedStreams): Promise<ClientCopy | undefined> {
    try {
      const copy = await this.#openCopy(namespace, task.id, streams);
      copy?.connect(task);
      return copy;
    } catch (err) {
      this.#options.logger.warn(
        { err: messageOf(err), namespace, container: task.id },
        "the streams of a task with a terminal cannot be opened again: its output is discarded",
      );
      return undefined;
    }
  }

  #entriesOf(namespace: string): Entries {
    const entries = this.#entries.get(namespace) ?? new Map();
    this.#entries.set(namespace, entries);
    return entries;
  }
}

function identityOf(id: string, { directory }: Bundle, { handler, cgroupsPath }: TaskOrigin) {
  return { id, handler, bundleDir: directory, cgroup: cgroupOf(cgroupsPath) };
}

/**
 * Adds what a restore needs and clients may leave out: an absolute path of the root file system, as criu
 * works in another directory, and the capabilities, with which those of the restored processes are compared.
 * Absent capabilities mean none to OCI runtimes.
 */
function restorable(spec: OciSpec, { directory }: Bundle): OciSpec {
  const { root, process, linux, mounts = [] } = spec;
  const none = { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] };
  return {
    ...spec,
    root: { ...root, path: resolve(directory, root.path) },
    process: { ...process, capabilities: { ...none, ...process.capabilities } },
    mounts: mounts.map((mount) => ({ ...mount, type: mount.type ?? "", options: mount.options ?? [] })),
    linux: { ...linux, maskedPaths: linux.maskedPaths ?? [], readonlyPaths: linux.readonlyPaths ?? [] },
  };
}

/**
 * Whether the task was completely created; nothing is known about a task whose creation or deletion was
 * interrupted.
 */
function wasMade(task: Task): boolean {
  const state = task.state();
  return state.kind !== "exited" || state.exit.cause !== "lost" || state.exit.startedAtNs !== 0n;
}
