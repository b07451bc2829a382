import type { Clock } from "../../../ground/clock/index.ts";
import { messageOf } from "../../../ground/errors/index.ts";
import type { Probe } from "../../manifests/index.ts";
import { runProbe } from "../handlers/run-probe.ts";
import type { Outcome, Target } from "../handlers/target.ts";
import type { PodRuntime } from "../pod-runtime.ts";
import type { ProbeResults } from "./probe-results.ts";

/** Number of attempts if a probe cannot be run, as in a kubelet. */
const maxTries = 3;

export type ProbeKind = "startup" | "liveness" | "readiness";

export type ContainerProbesOptions = {
  readonly runtime: PodRuntime;
  readonly clock: Clock;
  readonly target: Target;
  /** When the container was started, in nanoseconds since 1970. */
  readonly startedAtNs: bigint;
  /** Its earlier result, which stays until a probe says otherwise. */
  readonly before?: ProbeResults[string];
  /** Called whenever the results of the container have changed. */
  readonly onChange: () => void;
  /** Called for each probe that fails, before thresholds. */
  readonly onFailure: (kind: ProbeKind, message: string) => void;
};

/**
 * The probes of one running container, as in a kubelet: the startup probe comes first, and the others start
 * once it has succeeded. A container that failed its startup or liveness probe is not probed further, since
 * it is to be stopped.
 */
export class ContainerProbes implements Disposable {
  readonly #options: ContainerProbesOptions;
  readonly #closing = new AbortController();
  /** Ends all but readiness probes. */
  readonly #stopping = new AbortController();
  #started: boolean;
  #ready: boolean;
  #failure: { readonly kind: ProbeKind; readonly message: string } | undefined;

  constructor(options: ContainerProbesOptions) {
    this.#options = options;
    const { startupProbe, readinessProbe } = options.target.container;
    this.#started = startupProbe === undefined || options.before !== undefined;
    this.#ready = readinessProbe === undefined || options.before === "ready";
    void this.#run();
  }

  get started(): boolean {
    return this.#started;
  }

  /** Whether it is ready for requests; never before it has started. */
  get ready(): boolean {
    return this.#started && this.#ready;
  }

  /** Why it must be stopped. */
  get failure(): { readonly kind: ProbeKind; readonly message: string } | undefined {
    return this.#failure;
  }

  /** To be called when the container is being stopped: only readiness probes continue. */
  stopping(): void {
    this.#stopping.abort();
  }

  [Symbol.dispose](): void {
    this.#closing.abort();
  }

  async #run(): Promise<void> {
    const { startupProbe, livenessProbe, readinessProbe } = this.#options.target.container;
    if (startupProbe !== undefined && !this.#started)
      await this.#unlessEnded(this.#untilStarted(startupProbe));
    if (!this.#started) return;
    await Promise.all([
      livenessProbe && this.#unlessEnded(this.#watchLife(livenessProbe)),
      readinessProbe && this.#unlessEnded(this.#watchReadiness(readinessProbe)),
    ]);
  }

  async #unlessEnded(probing: Promise<void>): Promise<void> {
    try {
      await probing;
    } catch (error) {
      // Only the abort of these probes is expected here.
      if (!this.#closing.signal.aborted && !this.#stopping.signal.aborted) throw error;
    }
  }

  async #untilStarted(probe: Probe): Promise<void> {
    for await (const outcome of this.#outcomes("startup", probe)) {
      if (outcome !== undefined) return await this.#fail("startup", outcome);
      this.#started = true;
      this.#options.onChange();
      return;
    }
  }

  async #watchLife(probe: Probe): Promise<void> {
    for await (const outcome of this.#outcomes("liveness", probe))
      if (outcome !== undefined) return await this.#fail("liveness", outcome);
  }

  async #watchReadiness(probe: Probe): Promise<void> {
    for await (const outcome of this.#outcomes("readiness", probe)) {
      const ready = outcome === undefined;
      if (ready === this.#ready) continue;
      this.#ready = ready;
      this.#options.onChange();
    }
  }

  /** Stops probing it, since it is to be stopped. */
  async #fail(kind: ProbeKind, message: string): Promise<void> {
    this.#failure = { kind, message };
    this.#options.onChange();
    await this.#options.clock.wait(Number.MAX_SAFE_INTEGER, this.#signalOf(kind));
  }

  #signalOf(kind: ProbeKind): AbortSignal {
    const { signal } = this.#closing;
    return kind === "readiness" ? signal : AbortSignal.any([signal, this.#stopping.signal]);
  }

  /** The results of a probe, each after its threshold. */
  async *#outcomes(kind: ProbeKind, probe: Probe): AsyncGenerator<Outcome> {
    const { clock, startedAtNs, onFailure } = this.#options;
    const signal = this.#signalOf(kind);
    const {
      initialDelaySeconds = 0,
      periodSeconds = 10,
      timeoutSeconds = 1,
      successThreshold = 1,
      failureThreshold = 3,
    } = probe;
    const passedMs = Number(clock.nowNs() - startedAtNs) / 1e6;
    await clock.wait(Math.max(0, initialDelaySeconds * 1000 - passedMs), signal);
    let run = 0;
    let wasSuccess: boolean | undefined;
    while (true) {
      const asked = await this.#ask(kind, probe, timeoutSeconds * 1000, signal);
      if (asked === "nothing") {
        await clock.wait(periodSeconds * 1000, signal);
        continue;
      }
      const { outcome } = asked;
      const success = outcome === undefined;
      run = success === wasSuccess ? run + 1 : 1;
      wasSuccess = success;
      if (!success) onFailure(kind, outcome);
      if (run >= (success ? successThreshold : failureThreshold)) yield outcome;
      await clock.wait(periodSeconds * 1000, signal);
    }
  }

  /** A probe that cannot be run says nothing about the container, and is retried at once a few times. */
  async #ask(
    kind: ProbeKind,
    probe: Probe,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<{ readonly outcome: Outcome } | "nothing"> {
    const { runtime, target, onFailure } = this.#options;
    let message = "";
    for (let tries = 0; tries < maxTries; tries++) {
      try {
        return { outcome: await runProbe(runtime, probe, target, timeoutMs, signal) };
      } catch (error) {
        signal.throwIfAborted();
        message = messageOf(error);
      }
    }
    onFailure(kind, `it could not be made: ${message}`);
    return "nothing";
  }
}
