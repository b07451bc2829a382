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
  /** The machine's addresses, for a pod with its network. */
  readonly hostIps: readonly string[];
  /** Results of containers that an earlier worker probed. */
  readonly before?: ProbeResults;
  readonly onChange: () => void;
  readonly onFailure: (container: string, kind: ProbeKind, message: string) => void;
};

/** The probes of all running containers of a pod. */
export class PodProbes implements ContainerHealth, Disposable {
  readonly #options: PodProbesOptions;
  /** By container id. */
  readonly #probes = new Map<string, ContainerProbes>();
  #stopping = false;
  #ended = false;

  constructor(options: PodProbesOptions) {
    this.#options = options;
  }

  readonly isStarted = ({ id }: ObservedContainer): boolean => this.#probes.get(id)?.started ?? false;

  readonly isReady = ({ id }: ObservedContainer): boolean => this.#probes.get(id)?.ready ?? false;

  readonly failure = ({ id, name }: ObservedContainer): string | undefined => {
    const failure = this.#probes.get(id)?.failure;
    return failure && `Container ${name} failed ${failure.kind} probe`;
  };

  /** The grace period of the probe that it failed, if there is one. */
  graceSeconds({ id, name }: ObservedContainer): number | undefined {
    const kind = this.#probes.get(id)?.failure?.kind;
    const { initContainers = [], containers } = this.#options.pod.spec;
    const container = [...initContainers, ...containers].find((one) => one.name === name);
    const probe = kind === "startup" ? container?.startupProbe : container?.livenessProbe;
    return kind === undefined ? undefined : probe?.terminationGracePeriodSeconds;
  }

  /** Starts the probes of running containers, and ends those of others. */
  follow({ containers, sandbox }: ObservedPod): void {
    if (this.#ended) return;
    const { pod, runtime, clock, hostIps, before = {}, onChange, onFailure } = this.#options;
    const hostIp = pod.spec.hostNetwork === true ? hostIps[0] : undefined;
    const podIp = sandbox?.network?.ip || hostIp || "127.0.0.1";
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
        target: { container, containerId: latest.id, podIp },
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

  /**
   * To be called when the pod is being stopped: only readiness probes continue, until its containers have
   * ended.
   */
  stopping(): void {
    this.#stopping = true;
    for (const probes of this.#probes.values()) probes.stopping();
  }

  /** To be called when a container has ended. */
  end({ id }: ObservedContainer): void {
    const probes = this.#probes.get(id);
    if (probes === undefined) return;
    probes[Symbol.dispose]();
    this.#probes.delete(id);
    this.#options.onChange();
  }

  /** Ends all probes. */
  endAll(): void {
    this.#ended = true;
    for (const probes of this.#probes.values()) probes[Symbol.dispose]();
    this.#probes.clear();
  }

  [Symbol.dispose](): void {
    this.endAll();
  }
}
