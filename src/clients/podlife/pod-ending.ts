import type { EphemeralContainer } from "../manifests/index.ts";
import type { ContainerRemovals } from "./container-removals.ts";
import { type ObservedContainer, type ObservedPod, observePod } from "./observe.ts";
import { changeOf, type Plan } from "./plan.ts";
import { allSandboxes, stopSandboxes } from "./pod-sandbox.ts";
import { graceSecondsOf, type PodWork } from "./pod-work.ts";
import type { PodProbes } from "./probes/pod-probes.ts";
import { Replacements } from "./replacements.ts";
import { podPolicy } from "./restart-policy.ts";
import { isEvicted } from "./status/pod-status.ts";
import type { PodStatusKeeper } from "./status/pod-status-keeper.ts";
import { type Stopping, stopAll, stopOne, stopSooner } from "./stop-containers.ts";

export type PodEndingOptions = {
  readonly work: PodWork;
  readonly status: PodStatusKeeper;
  readonly probes: PodProbes;
  readonly removals: ContainerRemovals;
  /** Containers that were added to the pod. */
  readonly ephemeral: () => readonly EphemeralContainer[];
  readonly observe: () => Promise<ObservedPod>;
};

/** Grace period of an evicted pod, as in a kubelet. */
const evictionGraceSeconds = 1;

/** Ends a pod, or containers of it. */
export class PodEnding {
  readonly #options: PodEndingOptions;
  readonly #hurry = new AbortController();
  readonly #replacements: Replacements;

  constructor(options: PodEndingOptions) {
    this.#options = options;
    this.#replacements = new Replacements(options.work);
  }

  /** Ends the pod's running containers in order, and its sandboxes. */
  async end(graceSeconds = this.#ownGraceSeconds()): Promise<void> {
    const { work, probes, observe } = this.#options;
    probes.stopping();
    const observed = await observe();
    await this.stopAll(observed, graceSeconds);
    probes.endAll();
    await stopSandboxes(work, allSandboxes(observed));
    await observe();
  }

  /** Shortens the grace period of a stop in progress. */
  async sooner(graceSeconds: number): Promise<void> {
    const { work } = this.#options;
    this.#hurry.abort(new Error("the pod must stop sooner"));
    await stopSooner(work, await observePod(work.runtime, work.pod.metadata.uid), graceSeconds);
  }

  /** Stops all running containers in order; the sandbox stays. */
  async stopAll(observed: ObservedPod, graceSeconds = this.#ownGraceSeconds()): Promise<void> {
    await stopAll(this.#stopping(), observed, graceSeconds);
  }

  /** Stops containers concurrently. Each is restarted if its policy says so or its image has changed. */
  async killAll(kill: Plan["kill"]): Promise<void> {
    const results = await Promise.allSettled(kill.map((one) => this.#kill(one)));
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }

  /** Continues an interrupted replacement of containers by ones with other images. Returns how many. */
  async continueReplacing(observed: ObservedPod): Promise<number> {
    const stopped = await this.#replacements.stopped(observed);
    for (const one of stopped) await this.#makeRoom(one);
    return stopped.length;
  }

  async #kill({ container, observed, why }: Plan["kill"][number]): Promise<void> {
    const { work, probes } = this.#options;
    const isChanged = changeOf(container, observed) !== undefined;
    const policy = container.restartPolicy ?? podPolicy(work.pod.spec);
    const restarts = isChanged || policy !== "Never";
    work.onEvent("Normal", "Killing", `${why}${restarts ? ", will be restarted" : ""}`);
    const grace = probes.graceSeconds(observed) ?? graceSecondsOf(work.pod);
    // With another image, it is started whatever its restart policy says.
    const isReplaced = isChanged && policy !== "Always";
    if (isReplaced) await this.#replacements.begin(observed);
    await stopOne(this.#stopping(), { container, observed }, grace);
    if (isReplaced) await this.#makeRoom(observed);
  }

  async #makeRoom(observed: ObservedContainer): Promise<void> {
    await this.#options.removals.remove(observed);
    await this.#replacements.end(observed);
  }

  #ownGraceSeconds(): number {
    const { work, status } = this.#options;
    return isEvicted(status.status) ? evictionGraceSeconds : graceSecondsOf(work.pod);
  }

  #stopping(): Stopping {
    const { work, status, probes, ephemeral } = this.#options;
    return {
      ...work,
      ephemeral: ephemeral(),
      podIp: status.podIps[0] ?? "",
      hurry: this.#hurry.signal,
      onStopped: (container) => probes.end(container),
    };
  }
}
