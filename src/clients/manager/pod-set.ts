import type { Clock } from "../../ground/clock/index.ts";
import type { Client } from "../criclient/index.ts";
import type { EphemeralContainer } from "../manifests/index.ts";
import {
  type LogLimits,
  LogRotation,
  type PodEvent,
  PodRuntime,
  type PodStatus,
  PodWorker,
  type ProbeResults,
  type PullCredentials,
  RuntimeWatch,
  type StepObserver,
} from "../podlife/index.ts";
import type { Pod, PodContext } from "../podspec/index.ts";

export type PodSetOptions = {
  readonly client: Client;
  readonly clock: Clock;
  readonly context: PodContext;
  readonly credentials: PullCredentials;
  readonly observer: StepObserver;
  readonly hostIps: readonly string[];
  /** Limits of containers' logs. */
  readonly logLimits: LogLimits;
  readonly onProblem: (message: string) => void;
  readonly onStatus: (uid: string, status: PodStatus) => void;
  /** See {@link PodWorkerOptions.onOver}. */
  readonly onOver: (uid: string, status: PodStatus) => Promise<void>;
  readonly onEvent: (pod: Pod, event: PodEvent) => void;
  readonly onRemoved: (uid: string) => void;
};

/** Earlier information about a pod. */
export type PodHistory = {
  /** Set if it is over. */
  readonly lastStatus: PodStatus | undefined;
  readonly probeResults: ProbeResults | undefined;
  /** Set while it is being removed. */
  readonly deleting: { readonly graceSeconds?: number } | undefined;
};

/** The workers of all pods, by uid. */
export class PodSet implements AsyncDisposable {
  readonly #options: PodSetOptions;
  readonly #runtime: PodRuntime;
  readonly #workers = new Map<string, PodWorker>();
  readonly #watch: RuntimeWatch;
  readonly #logs: LogRotation;

  constructor(options: PodSetOptions) {
    this.#options = options;
    this.#runtime = new PodRuntime(options.client);
    this.#watch = new RuntimeWatch({
      client: options.client,
      clock: options.clock,
      onChange: (uid, states) => {
        if (uid !== undefined) this.#workers.get(uid)?.runtimeChanged(states);
        else for (const worker of this.#workers.values()) worker.poke();
      },
    });
    this.#logs = new LogRotation({
      runtime: this.#runtime,
      clock: options.clock,
      limits: options.logLimits,
      logs: () => [...this.#workers.values()].flatMap(({ runningLogs }) => runningLogs),
      onProblem: options.onProblem,
    });
  }

  has(uid: string): boolean {
    return this.#workers.has(uid);
  }

  status(uid: string): PodStatus | undefined {
    return this.#workers.get(uid)?.status;
  }

  /** Whether the status of a pod is based on the runtime's state. */
  isSeen(uid: string): boolean {
    return this.#workers.get(uid)?.isSeen ?? false;
  }

  /**
   * Starts a pod, or continues where an earlier worker was interrupted. With `deleting`, it is stopped and
   * removed, and then {@link PodSetOptions.onRemoved} is called.
   */
  run(pod: Pod, { lastStatus, probeResults, deleting }: PodHistory): void {
    const { uid } = pod.metadata;
    const running = this.#workers.get(uid);
    if (running !== undefined) {
      running.change(pod);
      if (deleting !== undefined) running.remove(deleting.graceSeconds);
      return;
    }
    const { clock, context, credentials, observer, hostIps, onStatus, onOver, onEvent, onRemoved } =
      this.#options;
    const worker = new PodWorker({
      pod,
      runtime: this.#runtime,
      clock,
      context,
      credentials,
      observer,
      hostIps,
      ...(lastStatus === undefined ? {} : { lastStatus }),
      ...(probeResults === undefined ? {} : { probeResults }),
      onStatus: (status) => onStatus(uid, status),
      onOver: (status) => onOver(uid, status),
      onEvent: (event) => onEvent(pod, event),
    });
    this.#workers.set(uid, worker);
    void worker.removed.then(() => {
      this.#workers.delete(uid);
      onRemoved(uid);
    });
    // Before it starts: nothing is created for a pod that is to be removed.
    if (deleting !== undefined) worker.remove(deleting.graceSeconds);
    worker.start();
  }

  /** Evicts a pod, which becomes Failed, to relieve the machine. */
  evict(uid: string, message: string): void {
    this.#workers.get(uid)?.evict(message);
  }

  /** Sets the ephemeral containers of a pod, and starts new ones. */
  setEphemeral(uid: string, containers: readonly EphemeralContainer[]): void {
    this.#workers.get(uid)?.setEphemeral(containers);
  }

  /**
   * To be called when a config map or secret was created, changed or removed; updates the volumes of pods.
   */
  objectsChanged(namespace: string): void {
    for (const worker of this.#workers.values())
      if (worker.pod.metadata.namespace === namespace) worker.objectsChanged();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watch[Symbol.asyncDispose]();
    await this.#logs[Symbol.asyncDispose]();
    await Promise.all([...this.#workers.values()].map((worker) => worker[Symbol.asyncDispose]()));
  }
}
