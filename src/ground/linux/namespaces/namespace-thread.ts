import type { Worker } from "node:worker_threads";
import { endThread, receivedError, type SentError, startThread, threadFile } from "../../threads/index.ts";
import { LinuxError } from "../linux-error.ts";
import type { InterfaceCounters } from "../network-counters.ts";
import { HeldNamespaces } from "./held-namespaces.ts";
import { namespaceKinds } from "./namespace-calls.ts";
import { NamespaceHolder } from "./namespace-holder.ts";
import type {
  NamespaceDescriptors,
  PodNamespaces,
  PodNamespacesJob,
  PodNamespacesRequest,
} from "./pod-namespaces.ts";

/** Jobs of the namespace thread, and their results. */
type NamespaceJobs = {
  readonly createPodNamespaces: { readonly request: PodNamespacesJob; readonly result: PodNamespaces };
  readonly holdPodNamespaces: { readonly request: undefined; readonly result: NamespaceDescriptors };
  readonly resetPodNamespaces: { readonly request: PodNamespacesRequest; readonly result: undefined };
  readonly unpinNamespaces: { readonly request: string; readonly result: undefined };
  readonly readNetworkCounters: {
    readonly request: readonly string[];
    readonly result: readonly (readonly InterfaceCounters[] | undefined)[];
  };
};

type NamespaceJob = keyof NamespaceJobs;

export type NamespaceCall = {
  [Job in NamespaceJob]: {
    readonly id: number;
    readonly job: Job;
    readonly request: NamespaceJobs[Job]["request"];
  };
}[NamespaceJob];

export type NamespaceAnswer = { readonly id: number } & (
  | { readonly result: NamespaceJobs[NamespaceJob]["result"] }
  | { readonly error: SentError }
);

type Pending = { resolve(result: unknown): void; reject(error: Error): void };

/**
 * A worker thread for work inside other namespaces, which ends when there has been none for a while. Linux
 * namespaces belong to threads, so this one can make and enter a pod's while the rest of the process stays in
 * the host's, and no process has to be started. It is always back in the host's namespaces before the next
 * job; one that cannot come back is ended, and the next job gets a new thread.
 */
export class NamespaceThread implements AsyncDisposable {
  readonly #idleMs: number;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;
  #lastId = 0;

  /**
   * The thread ends after `idleMs` without jobs: it uses about 8 MiB, and takes a twentieth of a second to
   * start.
   */
  constructor({ idleMs = 30_000 }: { readonly idleMs?: number } = {}) {
    this.#idleMs = idleMs;
  }

  /**
   * Creates a pod's namespaces and pins them with bind mounts in `request.directory`, with the hostname set,
   * the loopback interface up and the sysctls written. If a step fails, nothing stays pinned. A user
   * namespace costs a process, which has ended when this resolves. Throws LinuxError: InvalidArgument for a
   * sysctl that is not the pod's own or that the kernel rejects, AlreadyExists if a pin exists,
   * FailedPrecondition if user namespaces are not available, otherwise according to the errno. `held`:
   * namespaces to pin instead of new ones, for a request without a user namespace; the caller must dispose of
   * them in any case.
   */
  async createPodNamespaces(request: PodNamespacesRequest, held?: HeldNamespaces): Promise<PodNamespaces> {
    if (held !== undefined) return this.#call("createPodNamespaces", { ...request, held: held.descriptors });
    if (request.user === undefined) return this.#call("createPodNamespaces", request);
    const kinds = namespaceKinds.filter((kind) => request[kind]);
    await using holder = await NamespaceHolder.start(request.user, kinds);
    return await this.#call("createPodNamespaces", { ...request, holderPid: holder.pid });
  }

  /**
   * Creates network, IPC and UTS namespaces in advance for a future pod, with the loopback interface up.
   * Throws LinuxError.
   */
  async holdPodNamespaces(): Promise<HeldNamespaces> {
    return new HeldNamespaces(await this.#call("holdPodNamespaces", undefined));
  }

  /**
   * Sets hostname and sysctls of a pod's namespaces again, in case something has changed them. Throws
   * LinuxError.
   */
  async resetPodNamespaces(request: PodNamespacesRequest): Promise<void> {
    await this.#call("resetPodNamespaces", request);
  }

  /**
   * Removes the pins in a directory, and the directory if nothing else is in it. Idempotent; a namespace is
   * removed with its last process and descriptor. Throws LinuxError.
   */
  async unpinNamespaces(directory: string): Promise<void> {
    await this.#call("unpinNamespaces", directory);
  }

  /**
   * The counters of the interfaces in each of several network namespaces, in their order; undefined for one
   * that is not pinned there (any more). Throws LinuxError.
   */
  networkCounters(
    netnsPaths: readonly string[],
  ): Promise<readonly (readonly InterfaceCounters[] | undefined)[]> {
    return this.#call("readNetworkCounters", netnsPaths);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#idle);
    if (this.#worker !== undefined) await endThread(this.#worker);
  }

  async #call<Job extends NamespaceJob>(
    job: Job,
    request: NamespaceJobs[Job]["request"],
  ): Promise<NamespaceJobs[Job]["result"]> {
    clearTimeout(this.#idle);
    this.#worker ??= this.#startWorker();
    const { promise, resolve, reject } = Promise.withResolvers<NamespaceJobs[Job]["result"]>();
    const id = ++this.#lastId;
    // The reply with this id is this job's result: the worker copies the id from the call.
    this.#pending.set(id, { resolve: (result) => resolve(result as NamespaceJobs[Job]["result"]), reject });
    this.#worker.postMessage({ id, job, request });
    return await promise;
  }

  #startWorker(): Worker {
    const worker = startThread(threadFile(import.meta.url, "./namespace-worker"), { name: "namespaces" });
    worker.on("message", (answer: NamespaceAnswer) => this.#settle(answer));
    worker.on("error", (cause) => this.#lose(worker, cause));
    worker.on("exit", () => this.#lose(worker, new Error("the thread was ended")));
    return worker;
  }

  #settle(answer: NamespaceAnswer): void {
    const pending = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    if ("result" in answer) pending?.resolve(answer.result);
    else pending?.reject(receivedError(answer.error, LinuxError));
    if (this.#pending.size === 0) this.#idle = setTimeout(() => this.#retire(), this.#idleMs).unref();
  }

  #retire(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    if (worker !== undefined) void endThread(worker);
  }

  /**
   * A thread that ends with an error reports it twice, the second time possibly when there is already another
   * thread.
   */
  #lose(worker: Worker, cause: unknown): void {
    if (worker !== this.#worker) return;
    this.#worker = undefined;
    for (const { reject } of this.#pending.values())
      reject(new LinuxError("setns", "EIO", "namespace thread", { cause }));
    this.#pending.clear();
  }
}
