import { rm } from "node:fs/promises";
import type { Clock } from "../../ground/clock/index.ts";
import { hasCode, messageOf } from "../../ground/errors/index.ts";
import type { PodSandboxConfig } from "../../ground/protocol/index.ts";
import type { Container, EphemeralContainer } from "../manifests/index.ts";
import {
  type Pod,
  type PodContext,
  preparePod,
  pullSecrets,
  refreshVolumes,
  removePodFiles,
  removePodVolumes,
  sandboxConfig,
} from "../podspec/index.ts";
import { BackOff } from "./back-off.ts";
import { PodImages, type PullCredentials } from "./images.ts";
import { machineOf } from "./machine.ts";
import { type ObservedContainer, type ObservedPod, observePod } from "./observe.ts";
import { type Plan, planPod } from "./plan.ts";
import type { PodEvent } from "./pod-event.ts";
import type { PodRuntime } from "./pod-runtime.ts";
import { PodProbes } from "./probes/pod-probes.ts";
import { startContainer } from "./start-container.ts";
import { retryMs, StartFailure } from "./start-failure.ts";
import { PodStatusKeeper } from "./status/pod-status-keeper.ts";
import type { PodStatus } from "./status/types.ts";
import { type Stopping, stopAll, stopOne, stopSooner } from "./stop-containers.ts";
import { StorageWatch } from "./storage-watch.ts";
import { WakeUp } from "./wake-up.ts";

export type PodWorkerOptions = {
  readonly pod: Pod;
  readonly runtime: PodRuntime;
  readonly context: PodContext;
  readonly clock: Clock;
  readonly credentials: PullCredentials;
  /** For ids of containers as Kubernetes writes them, such as `berth`. */
  readonly runtimeName: string;
  readonly hostIp: string | undefined;
  /** What the pod came to before this worker: it runs no more, whatever the runtime still has of it. */
  readonly lastStatus?: PodStatus;
  readonly onStatus: (status: PodStatus) => void;
  readonly onEvent: (event: PodEvent) => void;
};

/** Of containers that have ended, the last two of each name are kept: what it is now, and what it was. */
const keptAttempts = 2;
/** How long a pod has that is evicted, as a kubelet has it. */
const evictionGraceSeconds = 1;

/**
 * The life of one pod, from its sandbox to its removal. It looks at what the runtime has of the pod, does
 * what is missing, and waits for the next change: so it goes on wherever an earlier worker was cut, and
 * starts nothing twice.
 */
export class PodWorker implements AsyncDisposable {
  readonly pod: Pod;
  readonly #options: PodWorkerOptions;
  readonly #closing = new AbortController();
  readonly #wakeUp: WakeUp;
  readonly #restarts: BackOff;
  readonly #images: PodImages;
  readonly #probes: PodProbes;
  readonly #storage: StorageWatch;
  readonly #status: PodStatusKeeper;
  /** Ends the work under way when the pod is to end. */
  readonly #ending = new AbortController();
  readonly #hurry = new AbortController();
  #removal: { readonly graceSeconds: number } | undefined;
  #running: Promise<void> | undefined;
  /** When containers were seen to have ended, by id. */
  readonly #ends = new Map<string, bigint>();
  /** All of it has ended for good. */
  #finished = false;
  #seen = false;
  /** Also true of changes that an earlier worker may have missed. */
  #objectsChanged = true;
  /** Started once each, and never again. */
  #ephemeral: readonly EphemeralContainer[] = [];
  #evicted = false;
  readonly #removed = Promise.withResolvers<void>();

  constructor(options: PodWorkerOptions) {
    const { pod, runtime, clock } = options;
    this.pod = pod;
    this.#options = options;
    this.#wakeUp = new WakeUp(clock);
    this.#restarts = new BackOff(clock);
    this.#images = new PodImages(runtime, clock, options.credentials, (image) =>
      pullSecrets(pod, options.context, image, (message) =>
        this.#event("Warning", "FailedToRetrieveImagePullSecret", message),
      ),
    );
    this.#storage = new StorageWatch({
      ...{ pod, context: options.context, runtime, clock },
      onOverfull: (message) => this.#overfull(message),
      onFailure: (error) => void this.#retryAfter(error),
    });
    this.#probes = new PodProbes({
      pod,
      runtime,
      clock,
      onChange: () => this.poke(),
      onFailure: (container, kind, message) =>
        this.#event("Warning", "Unhealthy", `${kind} probe of container ${container} failed: ${message}`),
    });
    const { lastStatus, onStatus } = options;
    this.#status = new PodStatusKeeper(
      { ...options, onStatus: (status) => lastStatus === undefined && onStatus(status) },
      this.#probes,
    );
  }

  get status(): PodStatus {
    return this.#options.lastStatus ?? this.#status.status;
  }

  /** Whether the status is of what the runtime has of the pod. */
  get isSeen(): boolean {
    return this.#seen || this.#options.lastStatus !== undefined;
  }

  /** Resolves when the pod has been removed, with all that it had. */
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
    this.#objectsChanged = true;
    this.poke();
  }

  /** Containers that were added to the pod. */
  setEphemeral(containers: readonly EphemeralContainer[]): void {
    if (containers.length === this.#ephemeral.length) return;
    this.#ephemeral = containers;
    this.#status.ephemeral(containers);
    this.poke();
  }

  /** Ends the pod as Failed, as there is too little of something on the machine. */
  evict(message: string): void {
    if (this.#status.isOver) return;
    this.#evicted = true;
    this.#event("Warning", "Evicted", message);
    this.#status.fail("Evicted", message, true);
    this.poke();
  }

  /** Ends the pod in order, and removes it. Its own grace period holds unless one is given. */
  remove(graceSeconds = this.pod.spec.terminationGracePeriodSeconds ?? 30): void {
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
    this.#hurry.abort(new Error("the pod is to end sooner"));
    await stopSooner({ runtime }, await observePod(runtime, this.pod.metadata.uid), graceSeconds);
  }

  /** Ends the work, and not the pod: another worker may take it up. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error("the pod's manager ends"));
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
          await this.#removeAll();
          return this.#removed.resolve();
        }
        againMs = await this.#sync(this.#ending.signal);
      } catch (error) {
        // What was cut for the removal goes on with that.
        if (removal === undefined && this.#removal !== undefined) continue;
        if (signal.aborted) return;
        againMs = this.#retryAfter(error);
      }
      if (againMs !== 0) await this.#wakeUp.wait(againMs, signal);
    }
  }

  /** A runtime that is away comes back: what happens to it is no event of the pod. */
  #retryAfter(error: unknown): number {
    if (hasCode(error, "Unavailable")) return 1_000;
    this.#event("Warning", "FailedSync", messageOf(error));
    return retryMs;
  }

  /** Does what is next; returns after how many milliseconds to look again, undefined at the next change. */
  async #sync(signal: AbortSignal): Promise<number | undefined> {
    if (this.#finished) return undefined;
    if (this.#options.lastStatus !== undefined) {
      await this.#end(this.pod.spec.terminationGracePeriodSeconds ?? 30);
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
      await this.#end(
        this.#evicted ? evictionGraceSeconds : (this.pod.spec.terminationGracePeriodSeconds ?? 30),
      );
      // What it has on the disk is what others lack.
      if (this.#evicted) await removePodVolumes(this.pod, this.#options.context);
      this.#status.over();
      this.#finished = true;
      return undefined;
    }
    if (plan.createSandbox) {
      await this.#createSandbox(observed);
      return 0;
    }
    if (plan.restartAll) {
      await this.#restartAll(observed);
      return 0;
    }
    for (const { id } of plan.discard) await this.#options.runtime.removeContainer(id);
    for (const { container, observed: one, why } of plan.kill) await this.#kill(container, one, why);
    if (plan.discard.length > 0 || plan.kill.length > 0) return 0;
    await this.#removeOld(observed);
    await this.#refreshVolumes();
    const start = [...this.#unstarted(observed), ...plan.start];
    const againMs = await this.#startAll(start, observed, signal);
    if (againMs === 0) return 0;
    return least(least(againMs, deadlineMs), this.#storage.againMs);
  }

  /** A pod that takes more of the disk than it may is ended, as by a kubelet. */
  #overfull(message: string): void {
    if (this.#status.isOver || this.#closing.signal.aborted) return;
    this.#evicted = true;
    this.#event("Warning", "Evicted", message);
    this.#status.fail("Evicted", message);
    this.poke();
  }

  /** Once after each change; what is not there any more stays as it was. */
  async #refreshVolumes(): Promise<void> {
    if (!this.#objectsChanged) return;
    this.#objectsChanged = false;
    try {
      const { podIps } = this.#status;
      await refreshVolumes({ pod: this.pod, podIps, context: this.#options.context });
    } catch (error) {
      this.#event("Warning", "FailedMount", messageOf(error));
    }
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

  async #createSandbox({ oldSandboxes }: ObservedPod): Promise<void> {
    const { runtime, context } = this.#options;
    await preparePod(this.pod, context);
    // What is left of it would go on beside the new one.
    for (const { id } of oldSandboxes) await runtime.stopSandbox(id);
    const attempt = 1 + Math.max(-1, ...oldSandboxes.map(({ metadata }) => metadata?.attempt ?? 0));
    if (attempt > 0) this.#event("Normal", "SandboxChanged", "the pod's sandbox is gone, and is made anew");
    const { cgroups } = await machineOf(runtime);
    await cgroups?.make(this.pod);
    const config = await this.#sandboxConfig(attempt);
    await runtime.runSandbox(config, this.pod.spec.runtimeClassName ?? "");
  }

  async #sandboxConfig(attempt: number): Promise<PodSandboxConfig> {
    const { runtime, context } = this.#options;
    const { cgroups } = await machineOf(runtime);
    return await sandboxConfig(this.pod, attempt, context, cgroups?.parentOf(this.pod) ?? "");
  }

  async #restartAll(observed: ObservedPod): Promise<void> {
    this.#event("Normal", "RestartAllContainers", "a container's restart rule asks for all to begin anew");
    await stopAll(this.#stopping(), observed, this.pod.spec.terminationGracePeriodSeconds ?? 30);
    for (const attempts of observed.containers.values())
      for (const { id, name, attempt } of attempts) {
        this.#status.countAttempt(name, attempt);
        await this.#options.runtime.removeContainer(id);
      }
  }

  async #kill(container: Container, observed: ObservedContainer, why: string): Promise<void> {
    this.#event("Normal", "Killing", `container ${container.name} is stopped: ${why}`);
    const grace = this.#probes.graceSeconds(observed) ?? this.pod.spec.terminationGracePeriodSeconds ?? 30;
    await stopOne(this.#stopping(), { container, observed }, grace);
  }

  /** Earlier attempts than those that are shown, and sandboxes before the last one. */
  async #removeOld({ containers, earlier, oldSandboxes }: ObservedPod): Promise<void> {
    for (const attempts of [...containers.values(), ...earlier.values()]) {
      for (const { id, name, attempt, logPath } of attempts.slice(keptAttempts)) {
        this.#status.countAttempt(name, attempt);
        this.#ends.delete(id);
        await this.#options.runtime.removeContainer(id);
        if (logPath !== "") await rm(logPath, { force: true });
      }
    }
    for (const { id } of oldSandboxes.slice(1)) await this.#options.runtime.removeSandbox(id);
  }

  /** As a kubelet has it, they come before what the pod itself needs. */
  #unstarted({ containers, earlier }: ObservedPod): Plan["start"] {
    return this.#ephemeral
      .filter(({ name }) => !containers.has(name) && !earlier.has(name))
      .map((container) => ({ container, ended: undefined }));
  }

  /** Returns after how long to look again; 0 when something was started. */
  async #startAll(
    start: Plan["start"],
    observed: ObservedPod,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    let againMs: number | undefined;
    let started = false;
    for (const { container, ended } of start) {
      const { name } = container;
      const waitMs = ended === undefined ? 0 : this.#restarts.leftMs(name, this.#endedAtNs(ended));
      if (waitMs > 0) {
        const seconds = this.#restarts.delayMs(name) / 1000;
        this.#status.wait(
          name,
          "CrashLoopBackOff",
          `back-off ${seconds}s restarting failed container ${name}`,
        );
        againMs = least(againMs, waitMs);
        continue;
      }
      const notBeforeMs = this.#status.notBeforeMs(name);
      if (notBeforeMs > 0) {
        againMs = least(againMs, notBeforeMs);
        continue;
      }
      if (ended !== undefined) this.#restarts.count(name, this.#endedAtNs(ended));
      try {
        await this.#start(container, observed, signal);
        started = true;
      } catch (error) {
        if (!(error instanceof StartFailure)) throw error;
        this.#event("Warning", error.reason, `container ${name}: ${error.message}`);
        // What was started and ended again is dealt with as any other that has ended.
        if (error.reason === "PostStartHookError") started = true;
        else this.#status.wait(name, error.reason, error.message, error.againMs);
        againMs = least(againMs, error.againMs);
      }
    }
    return started ? 0 : againMs;
  }

  /** By our own clock: when we first saw it. What ended before us has waited for nothing yet. */
  #endedAtNs({ id }: ObservedContainer): bigint {
    const seenNs = this.#ends.get(id) ?? this.#options.clock.nowNs();
    this.#ends.set(id, seenNs);
    return seenNs;
  }

  async #start(container: Container, observed: ObservedPod, signal: AbortSignal): Promise<void> {
    const { runtime, context } = this.#options;
    const { sandbox } = observed;
    if (sandbox === undefined) return;
    const config = await this.#sandboxConfig(sandbox.metadata?.attempt ?? 0);
    const { memory } = await machineOf(runtime);
    signal.throwIfAborted();
    await startContainer(
      {
        runtime,
        images: this.#images,
        context,
        pod: this.pod,
        container,
        attempt: this.#status.nextAttempt(container.name),
        sandboxId: sandbox.id,
        sandbox: config,
        machine: memory,
        targetId: this.#targetOf(container, observed),
        podIps: this.#status.podIps,
        onEvent: (type, reason, message) => this.#event(type, reason, message),
      },
      signal,
    );
    this.#status.clearWait(container.name);
    // Its probes begin now, whatever is started after it.
    await this.#observe();
  }

  /** The container whose processes an ephemeral one is to see. Throws StartFailure when it does not run. */
  #targetOf({ name }: Container, { containers }: ObservedPod): string | undefined {
    const target = this.#ephemeral.find((one) => one.name === name)?.targetContainerName;
    if (target === undefined) return undefined;
    const [latest] = containers.get(target) ?? [];
    if (latest?.state === "running") return latest.id;
    throw new StartFailure("CreateContainerConfigError", `target container ${target} does not run`);
  }

  #stopping(): Stopping {
    return {
      runtime: this.#options.runtime,
      pod: this.pod,
      ephemeral: this.#ephemeral,
      podIp: this.#status.podIps[0] ?? "",
      hurry: this.#hurry.signal,
      onEvent: (type, reason, message) => this.#event(type, reason, message),
    };
  }

  /** Ends all of the pod that runs, in order. */
  async #end(graceSeconds: number): Promise<void> {
    const observed = await this.#observe();
    this.#probes.endAll();
    await stopAll(this.#stopping(), observed, graceSeconds);
    for (const { id } of [
      ...(observed.sandbox === undefined ? [] : [observed.sandbox]),
      ...observed.oldSandboxes,
    ])
      await this.#options.runtime.stopSandbox(id);
    await this.#observe();
  }

  async #removeAll(): Promise<void> {
    const { runtime, context } = this.#options;
    const { sandbox, oldSandboxes } = await observePod(runtime, this.pod.metadata.uid);
    for (const { id } of [...(sandbox === undefined ? [] : [sandbox]), ...oldSandboxes])
      await runtime.removeSandbox(id);
    await (await machineOf(runtime)).cgroups?.remove(this.pod);
    await removePodFiles(this.pod, context);
  }

  #event(type: PodEvent["type"], reason: string, message: string): void {
    this.#options.onEvent({ type, reason, message, atNs: this.#options.clock.nowNs() });
  }
}

function least(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined) return other;
  return other === undefined ? one : Math.min(one, other);
}
