import type { Container } from "../../manifests/index.ts";
import { lastAttempts } from "../attempts.ts";
import type { RunningLog } from "../logs/log-rotation.ts";
import type { ObservedContainer, ObservedPod } from "../observe.ts";
import type { Plan } from "../plan.ts";
import type { PodWork } from "../pod-work.ts";
import type { PodProbes } from "../probes/pod-probes.ts";
import { isSidecar } from "../restart-policy.ts";
import { terminationMessage } from "../termination-message.ts";
import { containerStatus } from "./container-status.ts";
import { type PodFacts, podStatus } from "./pod-status.ts";
import type { ContainerStatus, PodStatus } from "./types.ts";

export type PodStatusKeeperOptions = {
  readonly work: Pick<PodWork, "pod" | "context" | "clock">;
  readonly hostIps: readonly string[];
  readonly onStatus: (status: PodStatus) => void;
};

type Waiting = { readonly reason: string; readonly message: string; readonly untilNs: bigint };

const nothing: ObservedPod = {
  sandbox: undefined,
  oldSandboxes: [],
  containers: new Map(),
  earlier: new Map(),
  states: new Map(),
};

/** Combines the facts about a pod to its status, which is reported whenever it changes. */
export class PodStatusKeeper {
  readonly #options: PodStatusKeeperOptions;
  readonly #probes: PodProbes;
  readonly #waiting = new Map<string, Waiting>();
  readonly #messages = new Map<string, string>();
  readonly #attempts = new Map<string, number>();
  #observed = nothing;
  #isSeen = false;
  #initialized = false;
  #ended = false;
  #failed: PodFacts["failed"];
  #podIps: readonly string[] = [];
  #ephemeral: readonly Container[] = [];
  #status: PodStatus;

  constructor(options: PodStatusKeeperOptions, probes: PodProbes) {
    this.#options = options;
    this.#probes = probes;
    this.#status = this.#make(undefined);
  }

  get status(): PodStatus {
    return this.#status;
  }

  /** Whether the status reflects the runtime's state. */
  get isSeen(): boolean {
    return this.#isSeen;
  }

  /** The pod's addresses, the primary one first. */
  get podIps(): readonly string[] {
    return this.#podIps;
  }

  /** The logs of running containers. */
  get runningLogs(): readonly RunningLog[] {
    const attempts = [...this.#observed.containers.values(), ...this.#observed.earlier.values()].flat();
    return attempts
      .filter(({ state, logPath }) => state === "running" && logPath !== "")
      .map(({ id, logPath }) => ({ containerId: id, path: logPath }));
  }

  /** Whether the pod was failed from outside. */
  get isOver(): boolean {
    return this.#failed !== undefined;
  }

  async observed(observed: ObservedPod): Promise<void> {
    this.#observed = observed;
    const { network } = observed.sandbox ?? {};
    if (network !== undefined && network.ip !== "")
      this.#podIps = [network.ip, ...network.additionalIps.map(({ ip }) => ip)];
    else if (this.#options.work.pod.spec.hostNetwork === true) this.#podIps = this.#options.hostIps;
    // An earlier worker may have been killed after it removed them, and before it created them again.
    if (!this.#isSeen)
      for (const [name, attempt] of await lastAttempts(this.#options.work)) this.countAttempt(name, attempt);
    for (const attempts of [...observed.earlier.values(), ...observed.containers.values()])
      for (const { name, attempt } of attempts) this.countAttempt(name, attempt);
    await this.#readMessages();
    this.#tell();
    this.#isSeen = true;
  }

  /** To be called when the results of probes have changed. */
  probed(): void {
    this.#tell();
  }

  planned({ initialized }: Plan): void {
    this.#initialized = initialized;
    this.#tell();
  }

  /**
   * To be called when nothing of the pod runs or will run: its status becomes final, even if the runtime
   * forgets it.
   */
  over(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#update();
  }

  /** Sets the containers that were added to it. */
  ephemeral(containers: readonly Container[]): void {
    this.#ephemeral = containers;
    this.#tell();
  }

  /** Fails the pod; `disrupted` if that is for the sake of others. */
  fail(reason: string, message: string, disrupted = false): void {
    this.#failed ??= { reason, message, disrupted };
    this.#tell();
  }

  /** Records why a container is not running; it is not retried for `forMs`. */
  wait(name: string, reason: string, message: string, forMs = 0): void {
    const untilNs = this.#options.work.clock.nowNs() + BigInt(Math.round(forMs)) * 1_000_000n;
    this.#waiting.set(name, { reason, message, untilNs });
    this.#tell();
  }

  clearWait(name: string): void {
    this.#waiting.delete(name);
  }

  /** Clears the delays of containers that could not be started in an ended sandbox. */
  clearWaits(): void {
    this.#waiting.clear();
  }

  /** How long a container that could not be started must wait. */
  notBeforeMs(name: string): number {
    const { untilNs = 0n } = this.#waiting.get(name) ?? {};
    return Math.max(0, Number(untilNs - this.#options.work.clock.nowNs()) / 1e6);
  }

  countAttempt(name: string, attempt: number): void {
    this.#attempts.set(name, Math.max(attempt, this.#attempts.get(name) ?? 0));
  }

  nextAttempt(name: string): number {
    const highest = this.#attempts.get(name);
    return highest === undefined ? 0 : highest + 1;
  }

  #attemptsOf(name: string): readonly ObservedContainer[] {
    const { containers, earlier } = this.#observed;
    return [...(containers.get(name) ?? []), ...(earlier.get(name) ?? [])];
  }

  /** Reads the message of each ended container once, and forgets those of removed ones. */
  async #readMessages(): Promise<void> {
    const { pod, context } = this.#options.work;
    const known = new Set<string>();
    for (const container of [
      ...(pod.spec.initContainers ?? []),
      ...pod.spec.containers,
      ...this.#ephemeral,
    ]) {
      for (const observed of this.#attemptsOf(container.name)) {
        known.add(observed.id);
        if (observed.state !== "exited" || this.#messages.has(observed.id)) continue;
        this.#messages.set(observed.id, await terminationMessage(container, observed, pod, context));
      }
    }
    for (const id of this.#messages.keys()) if (!known.has(id)) this.#messages.delete(id);
  }

  #tell(): void {
    if (!this.#ended) this.#update();
  }

  #update(): void {
    const before = this.#status;
    this.#status = this.#make(before);
    if (JSON.stringify(before) !== JSON.stringify(this.#status)) this.#options.onStatus(this.#status);
  }

  #make(before: PodStatus | undefined): PodStatus {
    const { work, hostIps } = this.#options;
    const { pod, clock } = work;
    const { spec } = pod;
    return podStatus({
      pod,
      initContainerStatuses: (spec.initContainers ?? []).map((one) => this.#containerStatus(one)),
      containerStatuses: spec.containers.map((one) => this.#containerStatus(one)),
      ephemeralContainerStatuses: this.#ephemeral.map((one) => ({
        ...this.#containerStatus(one),
        ready: false,
        started: false,
      })),
      initialized: this.#initialized || (spec.initContainers ?? []).length === 0,
      sandboxReady: this.#observed.sandbox !== undefined,
      ended: this.#ended,
      failed: this.#failed,
      podIps: this.#podIps,
      hostIps,
      nowNs: clock.nowNs(),
      before,
    });
  }

  #containerStatus(container: Container): ContainerStatus {
    const attempts = this.#attemptsOf(container.name);
    const [latest] = attempts;
    const waiting = this.#waiting.get(container.name);
    const { initContainers = [] } = this.#options.work.pod.spec;
    return containerStatus(container, attempts, {
      attempt: this.#attempts.get(container.name) ?? 0,
      isInit: initContainers.includes(container) && !isSidecar(container),
      followsInit: initContainers.length > 0,
      waiting: waiting && { reason: waiting.reason, message: waiting.message },
      ready: latest !== undefined && this.#probes.isReady(latest),
      started: latest !== undefined && this.#probes.isStarted(latest),
      messages: this.#messages,
    });
  }
}
