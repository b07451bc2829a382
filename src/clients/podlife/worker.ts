import { isDeepStrictEqual } from "node:util";
import { hasCode, messageOf } from "../../ground/errors/index.ts";
import type { Container, EphemeralContainer } from "../manifests/index.ts";
import { type Pod, pullSecrets, removePodVolumes } from "../podspec/index.ts";
import { ContainerRemovals } from "./container-removals.ts";
import { PodImages, type PullCredentials } from "./images.ts";
import type { RunningLog } from "./logs/log-rotation.ts";
import { type ObservedContainer, type ObservedPod, observePod } from "./observe.ts";
import { changeOf, type Plan, planPod } from "./plan.ts";
import type { PodEvent } from "./pod-event.ts";
import { allSandboxes, createSandbox, removePod, stopSandboxes } from "./pod-sandbox.ts";
import { graceSecondsOf, type PodWork } from "./pod-work.ts";
import { PodProbes } from "./probes/pod-probes.ts";
import type { ProbeResults } from "./probes/probe-results.ts";
import { podPolicy } from "./restart-policy.ts";
import { ContainerStarts, least } from "./start-containers.ts";
import { retryMs } from "./start-failure.ts";
import { isEvicted } from "./status/pod-status.ts";
import { PodStatusKeeper } from "./status/pod-status-keeper.ts";
import type { PodStatus } from "./status/types.ts";
import { type Stopping, stopAll, stopOne, stopSooner } from "./stop-containers.ts";
import { StorageWatch } from "./storage-watch.ts";
import { VolumeRefresh } from "./volume-refresh.ts";
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

/** Grace period of an evicted pod, as in a kubelet. */
const evictionGraceSeconds = 1;

/**
 * Runs one pod, from its sandbox to its removal. It reads the runtime's state of the pod, does what is
 * missing, and waits for the next change: so it continues wherever an earlier worker was interrupted, and
 * starts nothing twice.
 */
export class PodWorker implements AsyncDisposable {
  /** With its current labels and annotations. */
  #pod: Pod;
  readonly #options: PodWorkerOptions;
  readonly #work: PodWork;
  readonly #closing = new AbortController();
  readonly #wakeUp: WakeUp;
  readonly #starts: ContainerStarts;
  readonly #removals: ContainerRemovals;
  readonly #probes: PodProbes;
  readonly #storage: StorageWatch;
  readonly #status: PodStatusKeeper;
  /** Aborts work in progress when the pod is to be removed. */
  readonly #ending = new AbortController();
  readonly #hurry = new AbortController();
  #removal: { readonly graceSeconds: number } | undefined;
  #running: Promise<void> | undefined;
  /** Everything has ended for good. */
  #finished = false;
  #seen = false;
  readonly #volumes: VolumeRefresh;
  /** Started once each, and never again. */
  #ephemeral: readonly EphemeralContainer[] = [];
  readonly #removed = Promise.withResolvers<void>();

  constructor(options: PodWorkerOptions) {
    const { pod, runtime, clock, context, observer } = options;
    const onEvent: PodWork["onEvent"] = (type, reason, message) => this.#event(type, reason, message);
    this.#pod = pod;
    this.#options = options;
    const now = () => this.#pod;
    this.#work = {
      get pod() {
        return now();
      },
      runtime,
      clock,
      context,
      observer,
      onEvent,
    };
    this.#volumes = new VolumeRefresh(this.#work);
    this.#wakeUp = new WakeUp(clock);
    this.#storage = new StorageWatch({
      ...this.#work,
      onOverfull: (message) => this.#evict(message, false),
      onFailure: (error) => void this.#retryAfter(error),
    });
    this.#probes = new PodProbes({
      pod,
      runtime,
      clock,
      ...(options.probeResults === undefined ? {} : { before: options.probeResults }),
      onChange: () => {
        this.#status.probed();
        this.poke();
      },
      onFailure: (container, kind, message) =>
        this.#event("Warning", "Unhealthy", `${kind} probe of container ${container} failed: ${message}`),
    });
    const { lastStatus, hostIps, onStatus } = options;
    this.#status = new PodStatusKeeper(
      { work: this.#work, hostIps, onStatus: (status) => lastStatus === undefined && onStatus(status) },
      this.#probes,
    );
    this.#starts = new ContainerStarts({
      work: this.#work,
      images: new PodImages(runtime, clock, options.credentials, (image) =>
        pullSecrets(pod, context, image, (message) =>
          onEvent("Warning", "FailedToRetrieveImagePullSecret", message),
        ),
      ),
      status: this.#status,
      targetOf: (name) => this.#ephemeral.find((one) => one.name === name)?.targetContainerName,
      onStarted: async () => void (await this.#observe()),
    });
    this.#removals = new ContainerRemovals({
      ...this.#work,
      onRemoval: ({ id, name, attempt }) => {
        this.#status.countAttempt(name, attempt);
        this.#starts.forget(id);
      },
    });
  }

  get pod(): Pod {
    return this.#pod;
  }

  get status(): PodStatus {
    return this.#options.lastStatus ?? this.#status.status;
  }

  get runningLogs(): readonly RunningLog[] {
    return this.#status.runningLogs;
  }

  /** Whether the status reflects the runtime's state. */
  get isSeen(): boolean {
    return this.#seen || this.#options.lastStatus !== undefined;
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

  /** A config map or secret of its namespace has changed. */
  objectsChanged(): void {
    this.#volumes.changed();
    this.poke();
  }

  /**
   * The pod's labels, annotations or images have changed: its files are updated, later containers get them,
   * and running containers with another image are restarted.
   */
  change({ metadata, spec }: Pod): void {
    if (isDeepStrictEqual({ metadata, spec }, { metadata: this.#pod.metadata, spec: this.#pod.spec })) return;
    if (!isDeepStrictEqual(spec, this.#pod.spec)) this.#status.clearWaits();
    this.#pod = { ...this.#pod, metadata, spec };
    this.#volumes.changed();
    this.poke();
  }

  /** Containers that were added to the pod. */
  setEphemeral(containers: readonly EphemeralContainer[]): void {
    if (containers.length === this.#ephemeral.length) return;
    this.#ephemeral = containers;
    this.#status.ephemeral(containers);
    this.poke();
  }

  /** Ends the pod as Failed, because the machine lacks a resource. */
  evict(message: string): void {
    this.#evict(message, true);
  }

  /** `disrupted` for the sake of others. */
  #evict(message: string, disrupted: boolean): void {
    if (this.#status.isOver || this.#closing.signal.aborted) return;
    this.#event("Warning", "Evicted", message);
    this.#status.fail("Evicted", message, disrupted);
    this.poke();
  }

  /** Ends the pod in order, and removes it. Its own grace period applies unless one is given. */
  remove(graceSeconds = graceSecondsOf(this.pod)): void {
    const before = this.#removal;
    if (before !== undefined && before.graceSeconds <= graceSeconds) return;
    this.#removal = { graceSeconds };
    if (before !== undefined) {
      this.#stopSooner(graceSeconds).catch((error: unknown) =>
        this.#event("Warning", "FailedKillPod", messageOf(error)),
      );
      return;
    }
    this.#ending.abort(new Error("the pod is being removed"));
    this.poke();
  }

  async #stopSooner(graceSeconds: number): Promise<void> {
    const { runtime } = this.#options;
    this.#hurry.abort(new Error("the pod must stop sooner"));
    await stopSooner({ runtime }, await observePod(runtime, this.pod.metadata.uid), graceSeconds);
  }

  /** Ends the work, but not the pod: another worker may continue. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error("the pod's manager is stopping"));
    this.#ending.abort(this.#closing.signal.reason);
    this.poke();
    this.#probes[Symbol.dispose]();
    await this.#running;
    await this.#storage[Symbol.asyncDispose]();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const removal = this.#removal;
      let againMs: number | undefined;
      try {
        if (removal !== undefined) {
          await this.#end(removal.graceSeconds);
          await this.#over();
          await removePod(this.#work);
          return this.#removed.resolve();
        }
        againMs = await this.#sync(this.#ending.signal);
      } catch (error) {
        // Work that was aborted for the removal continues with it.
        if (removal === undefined && this.#removal !== undefined) continue;
        if (signal.aborted) return;
        againMs = this.#retryAfter(error);
      }
      if (againMs !== 0) await this.#wakeUp.wait(againMs, signal);
    }
  }

  /** An unavailable runtime will come back: that is not an event of the pod. */
  #retryAfter(error: unknown): number {
    if (hasCode(error, "Unavailable")) return 1_000;
    this.#event("Warning", "FailedSync", messageOf(error));
    return retryMs;
  }

  /** Does the next work; returns the milliseconds until the next check, or undefined to wait for a change. */
  async #sync(signal: AbortSignal): Promise<number | undefined> {
    if (this.#finished) return undefined;
    const { lastStatus } = this.#options;
    if (lastStatus !== undefined) {
      await this.#end(graceSecondsOf(this.pod));
      if (isEvicted(lastStatus)) await removePodVolumes(this.pod, this.#options.context);
      this.#finished = true;
      return undefined;
    }
    const observed = await this.#observe();
    const deadlineMs = this.#deadlineMs();
    if (deadlineMs !== undefined && deadlineMs <= 0 && !this.#status.isOver)
      this.#status.fail("DeadlineExceeded", "Pod was active on the node longer than the specified deadline");
    if (!this.#status.isOver) this.#storage.look();
    const plan = planPod(this.pod, observed, this.#probes);
    this.#status.planned(plan);
    if (plan.ended || this.#status.isOver) {
      await this.#end(isEvicted(this.status) ? evictionGraceSeconds : graceSecondsOf(this.pod));
      // Its disk space is needed by others.
      if (isEvicted(this.status)) await removePodVolumes(this.pod, this.#options.context);
      this.#options.observer("pod-over");
      await this.#over();
      this.#finished = true;
      return undefined;
    }
    if (plan.createSandbox) {
      await createSandbox(this.#work, observed);
      this.#status.clearWaits();
      return 0;
    }
    if (plan.restartAll.length > 0) {
      this.#event("Normal", "RestartAllContainers", "a container's restart rule restarts all containers");
      await stopAll(this.#stopping(), observed, graceSecondsOf(this.pod));
      for (const one of plan.restartAll) await this.#removals.remove(one);
      return 0;
    }
    for (const one of plan.discard) await this.#removals.remove(one);
    for (const { container, observed: one, why } of plan.kill) await this.#kill(container, one, why);
    if (plan.discard.length > 0 || plan.kill.length > 0) return 0;
    await this.#removals.removeOld(observed);
    await this.#volumes.refresh(this.#status.podIps);
    const start = [...this.#unstarted(observed), ...plan.start];
    const againMs = await this.#starts.startAll(start, observed, signal);
    if (againMs === 0) return 0;
    return least(least(againMs, deadlineMs), this.#storage.againMs);
  }

  /** Nothing of it runs any more, or will. */
  async #over(): Promise<void> {
    const { lastStatus, onOver } = this.#options;
    if (lastStatus !== undefined) return;
    this.#status.over();
    await onOver(this.status);
  }

  async #observe(): Promise<ObservedPod> {
    const observed = await observePod(this.#options.runtime, this.pod.metadata.uid);
    this.#probes.follow(observed);
    await this.#status.observed(observed);
    this.#seen = true;
    return observed;
  }

  #deadlineMs(): number | undefined {
    const { activeDeadlineSeconds } = this.pod.spec;
    if (activeDeadlineSeconds === undefined) return undefined;
    const passedMs = Number(this.#options.clock.nowNs() - this.pod.startTimeNs) / 1e6;
    return activeDeadlineSeconds * 1000 - passedMs;
  }

  async #kill(container: Container, observed: ObservedContainer, why: string): Promise<void> {
    this.#event("Normal", "Killing", `container ${container.name} is stopped: ${why}`);
    const grace = this.#probes.graceSeconds(observed) ?? graceSecondsOf(this.pod);
    await stopOne(this.#stopping(), { container, observed }, grace);
    // With another image it begins whatever its restart policy says.
    if (
      changeOf(container, observed) !== undefined &&
      (container.restartPolicy ?? podPolicy(this.pod.spec)) !== "Always"
    )
      await this.#removals.remove(observed);
  }

  /** As in a kubelet, they come before the pod's own containers. */
  #unstarted({ containers, earlier }: ObservedPod): Plan["start"] {
    return this.#ephemeral
      .filter(({ name }) => !containers.has(name) && !earlier.has(name))
      .map((container) => ({ container, ended: undefined }));
  }

  #stopping(): Stopping {
    return {
      ...this.#work,
      ephemeral: this.#ephemeral,
      podIp: this.#status.podIps[0] ?? "",
      hurry: this.#hurry.signal,
      onStopped: (container) => this.#probes.end(container),
    };
  }

  /** Ends the pod's running containers, in order. */
  async #end(graceSeconds: number): Promise<void> {
    this.#probes.stopping();
    const observed = await this.#observe();
    await stopAll(this.#stopping(), observed, graceSeconds);
    this.#probes.endAll();
    await stopSandboxes(this.#work, allSandboxes(observed));
    await this.#observe();
  }

  #event(type: PodEvent["type"], reason: string, message: string): void {
    this.#options.onEvent({ type, reason, message, atNs: this.#options.clock.nowNs() });
  }
}
