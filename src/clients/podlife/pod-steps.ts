import type { EphemeralContainer } from "../manifests/index.ts";
import { removePodVolumes } from "../podspec/index.ts";
import type { ObservedPod } from "./observe.ts";
import { type Plan, planPod } from "./plan.ts";
import type { PodParts } from "./pod-parts.ts";
import { createSandbox, removePod } from "./pod-sandbox.ts";
import type { PodWork } from "./pod-work.ts";
import { least } from "./start-containers.ts";
import { isEvicted } from "./status/pod-status.ts";
import type { PodStatus } from "./status/types.ts";

export type PodStepsOptions = {
  readonly work: PodWork;
  readonly parts: PodParts;
  readonly ephemeral: () => readonly EphemeralContainer[];
  /** See {@link PodWorkerOptions.lastStatus}. */
  readonly lastStatus: PodStatus | undefined;
  readonly onOver: (status: PodStatus) => Promise<void>;
};

/** What a pod's worker does with the pod, a step at a time. */
export class PodSteps {
  readonly #options: PodStepsOptions;
  /** Everything has ended for good. */
  #finished = false;

  constructor(options: PodStepsOptions) {
    this.#options = options;
  }

  /** Does the next work; returns the milliseconds until the next check, or undefined to wait for a change. */
  async next(signal: AbortSignal): Promise<number | undefined> {
    if (this.#finished) return undefined;
    const { work, parts, lastStatus } = this.#options;
    const { status, probes, storage, ending, removals, volumes, starts } = parts;
    if (lastStatus !== undefined) return await this.#finish(lastStatus);
    const observed = await parts.observe();
    const deadlineMs = this.#deadlineMs();
    if (deadlineMs !== undefined && deadlineMs <= 0 && !status.isOver)
      status.fail("DeadlineExceeded", "Pod was active on the node longer than the specified deadline");
    if (!status.isOver) storage.look();
    if ((await ending.continueReplacing(observed)) > 0) return 0;
    const plan = planPod(work.pod, observed, probes);
    status.planned(plan);
    if (plan.ended || status.isOver) return await this.#finish();
    if (plan.createSandbox) {
      const againMs = await volumes.prepare(status.podIps);
      if (againMs !== undefined) return least(againMs, deadlineMs);
      await createSandbox(work, observed);
      status.clearWaits();
      return 0;
    }
    if (plan.restartAll.length > 0) {
      work.onEvent("Normal", "RestartAllContainers", "a container's restart rule restarts all containers");
      await ending.stopAll(observed);
      for (const one of plan.restartAll) await removals.remove(one);
      return 0;
    }
    for (const one of plan.discard) await removals.remove(one);
    await ending.killAll(plan.kill);
    if (plan.discard.length > 0 || plan.kill.length > 0) return 0;
    await removals.removeOld(observed);
    const refreshMs = await volumes.refresh(status.podIps);
    const start = [...this.#unstarted(observed), ...plan.start];
    const againMs = await starts.startAll(start, observed, signal);
    if (againMs === 0) return 0;
    return [againMs, deadlineMs, refreshMs].reduce(least, storage.againMs);
  }

  /** Ends the pod in order, and removes it with everything that belongs to it. */
  async remove(graceSeconds: number): Promise<void> {
    await this.#options.parts.ending.end(graceSeconds);
    await this.#over();
    await removePod(this.#options.work);
  }

  /** Ends what still runs of a pod that is over. */
  async #finish(lastStatus?: PodStatus): Promise<undefined> {
    const { work, parts } = this.#options;
    await parts.ending.end();
    // Its disk space is needed by others.
    if (isEvicted(lastStatus ?? parts.status.status)) await removePodVolumes(work.pod, work.context);
    if (lastStatus === undefined) work.observer("pod-over");
    await this.#over();
    this.#finished = true;
  }

  /** Nothing of it runs any more, or will. */
  async #over(): Promise<void> {
    const { parts, lastStatus, onOver } = this.#options;
    if (lastStatus !== undefined) return;
    parts.status.over();
    await onOver(parts.status.status);
  }

  #deadlineMs(): number | undefined {
    const { pod, clock } = this.#options.work;
    const { activeDeadlineSeconds } = pod.spec;
    if (activeDeadlineSeconds === undefined) return undefined;
    const passedMs = Number(clock.nowNs() - pod.startTimeNs) / 1e6;
    return activeDeadlineSeconds * 1000 - passedMs;
  }

  /** As in a kubelet, they come before the pod's own containers. */
  #unstarted({ containers, earlier }: ObservedPod): Plan["start"] {
    return this.#options
      .ephemeral()
      .filter(({ name }) => !containers.has(name) && !earlier.has(name))
      .map((container) => ({ container, ended: undefined }));
  }
}
