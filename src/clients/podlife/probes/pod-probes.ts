import type { Clock } from "../../../ground/clock/index.ts";
import type { Pod } from "../../podspec/index.ts";
import type { ObservedContainer, ObservedPod } from "../observe.ts";
import type { ContainerHealth } from "../plan.ts";
import type { PodRuntime } from "../pod-runtime.ts";
import { ContainerProbes, type ProbeKind } from "./container-probes.ts";
import type { ProbeResults } from "./probe-results.ts";

export type PodProbesOptions = {
  readonly pod: Pod;
  readonly runtime: PodRuntime;
  readonly clock: Clock;
  /** Of containers that an earlier worker has probed. */
  readonly before?: ProbeResults;
  readonly onChange: () => void;
  readonly onFailure: (container: string, kind: ProbeKind, message: string) => void;
};

/** The probes of all containers of a pod that run. */
export class PodProbes implements ContainerHealth, Disposable {
  readonly #options: PodProbesOptions;
  /** By the container's id. */
  readonly #probes = new Map<string, ContainerProbes>();
  #stopping = false;
  #ended = false;

  constructor(options: PodProbesOptions) {
    this.#options = options;
  }

  readonly isStarted = ({ id }: ObservedContainer): boolean => this.#probes.get(id)?.started ?? false;

  readonly isReady = ({ id }: ObservedContainer): boolean => this.#probes.get(id)?.ready ?? false;

  readonly failure = ({ id }: ObservedContainer): string | undefined => {
    const failure = this.#probes.get(id)?.failure;
    return failure && `its ${failure.kind} probe failed: ${failure.message}`;
  };

  /** Of the probe that it failed, if that has one. */
  graceSeconds({ id, name }: ObservedContainer): number | undefined {
    const kind = this.#probes.get(id)?.failure?.kind;
    const { initContainers = [], containers } = this.#options.pod.spec;
    const container = [...initContainers, ...containers].find((one) => one.name === name);
    const probe = kind === "startup" ? container?.startupProbe : container?.livenessProbe;
    return kind === undefined ? undefined : probe?.terminationGracePeriodSeconds;
  }

  /** Begins with those that run, and ends with those that do not. */
  follow({ containers, sandbox }: ObservedPod): void {
    if (this.#ended) return;
    const { pod, runtime, clock, before = {}, onChange, onFailure } = this.#options;
    const running = new Set<string>();
    for (const container of [...(pod.spec.initContainers ?? []), ...pod.spec.containers]) {
      const latest = containers.get(container.name)?.[0];
      if (latest?.state !== "running") continue;
      running.add(latest.id);
      if (this.#probes.has(latest.id)) continue;
      const known = before[latest.id];
      const probes = new ContainerProbes({
        runtime,
        clock,
        target: { container, containerId: latest.id, podIp: sandbox?.network?.ip || "127.0.0.1" },
        startedAtNs: latest.startedAtNs,
        ...(known === undefined ? {} : { before: known }),
        onChange,
        onFailure: (kind, message) => onFailure(container.name, kind, message),
      });
      if (this.#stopping) probes.stopping();
      this.#probes.set(latest.id, probes);
    }
    for (const [id, probes] of this.#probes) {
      if (running.has(id)) continue;
      probes[Symbol.dispose]();
      this.#probes.delete(id);
    }
  }

  /** The pod is being stopped: only readiness is asked for, until its containers have ended. */
  stopping(): void {
    this.#stopping = true;
    for (const probes of this.#probes.values()) probes.stopping();
  }

  /** A container has ended. */
  end({ id }: ObservedContainer): void {
    const probes = this.#probes.get(id);
    if (probes === undefined) return;
    probes[Symbol.dispose]();
    this.#probes.delete(id);
    this.#options.onChange();
  }

  /** Nothing is asked any more. */
  endAll(): void {
    this.#ended = true;
    for (const probes of this.#probes.values()) probes[Symbol.dispose]();
    this.#probes.clear();
  }

  [Symbol.dispose](): void {
    this.endAll();
  }
}
