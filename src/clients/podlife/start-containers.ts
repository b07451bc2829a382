import type { Container } from "../manifests/index.ts";
import { BackOff } from "./back-off.ts";
import type { PodImages } from "./images.ts";
import { machineOf } from "./machine.ts";
import type { ObservedContainer, ObservedPod } from "./observe.ts";
import type { Plan } from "./plan.ts";
import { podSandboxConfig } from "./pod-sandbox.ts";
import type { PodWork } from "./pod-work.ts";
import { startContainer } from "./start-container.ts";
import { imageReasons, StartFailure } from "./start-failure.ts";
import type { PodStatusKeeper } from "./status/pod-status-keeper.ts";

export type ContainerStartsOptions = {
  readonly work: PodWork;
  readonly images: PodImages;
  readonly status: PodStatusKeeper;
  /** The name of the container whose PID namespace another one joins. */
  readonly targetOf: (name: string) => string | undefined;
  /** Called after each start, before the next. */
  readonly onStarted: () => Promise<void>;
};

/** Starts a pod's containers in order, each when its back-off is over. */
export class ContainerStarts {
  readonly #options: ContainerStartsOptions;
  readonly #restarts: BackOff;
  /** When containers were first seen to have ended, by id. */
  readonly #ends = new Map<string, bigint>();
  /** The ended containers whose back-off was an event, by id. */
  readonly #told = new Set<string>();

  constructor(options: ContainerStartsOptions) {
    this.#options = options;
    this.#restarts = new BackOff(options.work.clock);
  }

  /**
   * Returns the number of milliseconds until the next check: 0 if something was started, undefined for the
   * next change.
   */
  async startAll(
    start: Plan["start"],
    observed: ObservedPod,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    let againMs: number | undefined;
    let started = false;
    for (const [index, { container, ended }] of start.entries()) {
      const waitMs = this.#waitMs(container, ended);
      if (waitMs > 0) {
        againMs = least(againMs, waitMs);
        continue;
      }
      if (ended !== undefined) this.#restarts.count(backOffKey(container), this.#endedAtNs(ended));
      const failure = await this.#start(container, observed, signal);
      // A container that started and ended is handled like any other ended one.
      if (failure === undefined || failure.reason === "PostStartHookError") started = true;
      // Its probes start now, not after the other containers. After the last, everything is looked at anyway.
      if (failure === undefined && index < start.length - 1) await this.#options.onStarted();
      againMs = least(againMs, failure?.againMs);
    }
    return started ? 0 : againMs;
  }

  /** To be called when a container was removed. */
  forget(id: string): void {
    this.#ends.delete(id);
    this.#told.delete(id);
  }

  /** How long it must wait after its last end, or after a failed start. */
  #waitMs(container: Container, ended: ObservedContainer | undefined): number {
    const { status } = this.#options;
    const { name } = container;
    const key = backOffKey(container);
    const leftMs = ended === undefined ? 0 : this.#restarts.leftMs(key, this.#endedAtNs(ended));
    if (leftMs <= 0) return status.notBeforeMs(name);
    this.#tellBackOff(container, ended, this.#restarts.delayMs(key));
    return leftMs;
  }

  /** In a kubelet's words; the event comes once for each wait. */
  #tellBackOff({ name }: Container, ended: ObservedContainer | undefined, delayMs: number): void {
    const { status, work } = this.#options;
    const { metadata } = work.pod;
    const pod = `${metadata.name}_${metadata.namespace}(${metadata.uid})`;
    const message = `back-off ${goDuration(delayMs)} restarting failed container=${name} pod=${pod}`;
    status.wait(name, "CrashLoopBackOff", message);
    if (ended === undefined || this.#told.has(ended.id)) return;
    this.#told.add(ended.id);
    work.onEvent("Warning", "BackOff", `Back-off restarting failed container ${name} in pod ${pod}`);
  }

  /** By our own clock: when we first saw its end, so that ends before our start count from then. */
  #endedAtNs({ id }: ObservedContainer): bigint {
    const seenNs = this.#ends.get(id) ?? this.#options.work.clock.nowNs();
    this.#ends.set(id, seenNs);
    return seenNs;
  }

  async #start(
    container: Container,
    observed: ObservedPod,
    signal: AbortSignal,
  ): Promise<StartFailure | undefined> {
    const { work, status } = this.#options;
    try {
      await this.#startNow(container, observed, signal);
      return undefined;
    } catch (error) {
      if (!(error instanceof StartFailure)) throw error;
      const { reason, message, againMs } = error;
      if (!imageReasons.has(reason)) work.onEvent("Warning", "Failed", `Error: ${message}`);
      if (reason !== "PostStartHookError") status.wait(container.name, reason, message, againMs);
      return error;
    }
  }

  async #startNow(container: Container, observed: ObservedPod, signal: AbortSignal): Promise<void> {
    const { work, images, status } = this.#options;
    const { sandbox } = observed;
    if (sandbox === undefined) return;
    const config = await podSandboxConfig(work, sandbox.metadata?.attempt ?? 0);
    const { memory } = await machineOf(work.runtime);
    signal.throwIfAborted();
    await startContainer(
      {
        ...work,
        images,
        container,
        attempt: status.nextAttempt(container.name),
        sandboxId: sandbox.id,
        sandbox: config,
        machine: memory,
        targetId: this.#targetId(container, observed),
        podIps: status.podIps,
      },
      signal,
    );
    status.clearWait(container.name);
  }

  /** The id of the target container. Throws StartFailure if that is not running. */
  #targetId({ name }: Container, { containers }: ObservedPod): string | undefined {
    const target = this.#options.targetOf(name);
    if (target === undefined) return undefined;
    const [latest] = containers.get(target) ?? [];
    if (latest?.state === "running") return latest.id;
    throw new StartFailure("CreateContainerConfigError", `target container ${target} is not running`);
  }
}

/** The key of the back-off: a container with another image does not wait. */
function backOffKey({ name, image }: Container): string {
  return `${name} ${image}`;
}

/** As Go writes it: `40s`, `2m40s`. */
function goDuration(ms: number): string {
  const seconds = ms / 1000;
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}

/** The earlier of two times; undefined is never. */
export function least(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined) return other;
  return other === undefined ? one : Math.min(one, other);
}
