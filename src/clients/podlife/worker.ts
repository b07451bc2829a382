import { isDeepStrictEqual } from "node:util";
import { hasCode, messageOf } from "../../ground/errors/index.ts";
import type { EphemeralContainer } from "../manifests/index.ts";
import type { Pod } from "../podspec/index.ts";
import type { PullCredentials } from "./images.ts";
import type { RunningLog } from "./logs/log-rotation.ts";
import type { PodEvent } from "./pod-event.ts";
import { type PodParts, podParts } from "./pod-parts.ts";
import { PodSteps } from "./pod-steps.ts";
import { graceSecondsOf, type PodWork } from "./pod-work.ts";
import type { ProbeResults } from "./probes/probe-results.ts";
import type { PodStates } from "./runtime-look.ts";
import { retryMs } from "./start-failure.ts";
import type { PodStatus } from "./status/types.ts";
import { WakeUp } from "./wake-up.ts";

export type PodWorkerOptions = Omit<PodWork, "onEvent"> & {
  readonly credentials: PullCredentials;
  readonly hostIps: readonly string[];
  /**
   * The pod's final status from an earlier worker: it does not run any more, whatever the runtime still has.
   */
  readonly lastStatus?: PodStatus;
  readonly probeResults?: ProbeResults;
  readonly onStatus: (status: PodStatus) => void;
  /** Keeps the final status: what the runtime has of the pod is removed only after that. */
  readonly onOver: (status: PodStatus) => Promise<void>;
  readonly onEvent: (event: PodEvent) => void;
};

/**
 * Runs one pod, from its sandbox to its removal. It reads the runtime's state of the pod, does what is
 * missing, and waits for the next change: so it continues wherever an earlier worker was interrupted, and
 * starts nothing twice.
 */
export class PodWorker implements AsyncDisposable {
  /** With its current labels and annotations. */
  #pod: Pod;
  readonly #options: PodWorkerOptions;
  readonly #wakeUp: WakeUp;
  readonly #parts: PodParts;
  readonly #steps: PodSteps;
  readonly #closing = new AbortController();
  /** Aborts work in progress when the pod is to be removed. */
  readonly #ending = new AbortController();
  /** What the latest of the runtime's events since the last look say about the pod, by its sandboxes' ids. */
  readonly #reported = new Map<string | undefined, PodStates>();
  #removal: { readonly graceSeconds: number } | undefined;
  #running: Promise<void> | undefined;
  /** Started once each, and never again. */
  #ephemeral: readonly EphemeralContainer[] = [];
  readonly #removed = Promise.withResolvers<void>();

  constructor(options: PodWorkerOptions) {
    const { pod, clock, credentials, hostIps, probeResults, lastStatus, onStatus, onOver } = options;
    this.#pod = pod;
    this.#options = options;
    this.#wakeUp = new WakeUp(clock);
    const work = this.#work();
    const ephemeral = () => this.#ephemeral;
    this.#parts = podParts({
      work,
      credentials,
      hostIps,
      probeResults,
      ephemeral,
      onStatus: (status) => lastStatus === undefined && onStatus(status),
      onChange: () => this.poke(),
      onOverfull: (message) => this.#evict(message, false),
      onFailure: (error) => void this.#retryAfter(error),
    });
    this.#steps = new PodSteps({ work, parts: this.#parts, ephemeral, lastStatus, onOver });
  }

  #work(): PodWork {
    const { runtime, clock, context, observer } = this.#options;
    const now = () => this.#pod;
    return {
      get pod() {
        return now();
      },
      runtime,
      clock,
      context,
      observer,
      onEvent: (type, reason, message) => this.#event(type, reason, message),
    };
  }

  get pod(): Pod {
    return this.#pod;
  }

  get status(): PodStatus {
    return this.#options.lastStatus ?? this.#parts.status.status;
  }

  get runningLogs(): readonly RunningLog[] {
    return this.#parts.status.runningLogs;
  }

  /** Whether the status reflects the runtime's state. */
  get isSeen(): boolean {
    return this.#parts.status.isSeen || this.#options.lastStatus !== undefined;
  }

  /** Resolves when the pod has been removed with everything that belongs to it. */
  get removed(): Promise<void> {
    return this.#removed.promise;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Something may have changed. */
  poke(): void {
    this.#wakeUp.wake();
  }

  /**
   * The runtime has reported a change, with the states of the pod's sandbox and containers if it says them.
   * Those of what this worker does are mostly known by the time that they arrive.
   */
  runtimeChanged(states: PodStates | undefined): void {
    if (states === undefined) {
      this.poke();
      return;
    }
    // The first state is the sandbox's.
    const [sandboxId] = states.keys();
    this.#reported.set(sandboxId, states);
    if (!this.#isUpToDate()) this.#wakeUp.stir();
  }

  #isUpToDate(): boolean {
    return [...this.#reported.values()].every((states) => this.#parts.hasSeen(states));
  }

  /** A config map or secret of its namespace has changed. */
  objectsChanged(): void {
    this.#parts.volumes.changed();
    this.poke();
  }

  /**
   * The pod's labels, annotations or images have changed: its files are updated, later containers get them,
   * and running containers with another image are restarted.
   */
  change({ metadata, spec }: Pod): void {
    if (isDeepStrictEqual({ metadata, spec }, { metadata: this.#pod.metadata, spec: this.#pod.spec })) return;
    if (!isDeepStrictEqual(spec, this.#pod.spec)) this.#parts.status.clearWaits();
    this.#pod = { ...this.#pod, metadata, spec };
    this.#parts.volumes.changed();
    this.poke();
  }

  /** Containers that were added to the pod. */
  setEphemeral(containers: readonly EphemeralContainer[]): void {
    if (containers.length === this.#ephemeral.length) return;
    this.#ephemeral = containers;
    this.#parts.status.ephemeral(containers);
    this.poke();
  }

  /** Ends the pod as Failed, because the machine lacks a resource. */
  evict(message: string): void {
    this.#evict(message, true);
  }

  /** Ends the pod in order, and removes it. Its own grace period applies unless one is given. */
  remove(graceSeconds = graceSecondsOf(this.pod)): void {
    const before = this.#removal;
    if (before !== undefined && before.graceSeconds <= graceSeconds) return;
    this.#removal = { graceSeconds };
    if (before !== undefined) {
      this.#parts.ending
        .sooner(graceSeconds)
        .catch((error: unknown) => this.#event("Warning", "FailedKillPod", messageOf(error)));
      return;
    }
    this.#ending.abort(new Error("the pod is being removed"));
    this.poke();
  }

  /** Ends the work, but not the pod: another worker may continue. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error("the pod's manager is stopping"));
    this.#ending.abort(this.#closing.signal.reason);
    this.poke();
    this.#parts.probes[Symbol.dispose]();
    await this.#running;
    await this.#parts.storage[Symbol.asyncDispose]();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const removal = this.#removal;
      this.#reported.clear();
      let againMs: number | undefined;
      try {
        if (removal !== undefined) {
          await this.#steps.remove(removal.graceSeconds);
          return this.#removed.resolve();
        }
        againMs = await this.#steps.next(this.#ending.signal);
      } catch (error) {
        // Work that was aborted for the removal continues with it.
        if (removal === undefined && this.#removal !== undefined) continue;
        if (signal.aborted) return;
        againMs = this.#retryAfter(error);
      }
      if (againMs !== 0 && this.#isUpToDate()) await this.#wakeUp.wait(againMs, signal);
    }
  }

  /** An unavailable runtime will come back: that is not an event of the pod. */
  #retryAfter(error: unknown): number {
    if (hasCode(error, "Unavailable")) return 1_000;
    this.#event("Warning", "FailedSync", messageOf(error));
    return retryMs;
  }

  /** `disrupted` for the sake of others. */
  #evict(message: string, disrupted: boolean): void {
    const { status } = this.#parts;
    if (status.isOver || this.#closing.signal.aborted) return;
    this.#event("Warning", "Evicted", message);
    status.fail("Evicted", message, disrupted);
    this.poke();
  }

  #event(type: PodEvent["type"], reason: string, message: string): void {
    this.#options.onEvent({ type, reason, message, atNs: this.#options.clock.nowNs() });
  }
}
