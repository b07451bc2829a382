import { writtenIndexes } from "../../manifests/index.ts";
import type { StoredPod } from "../objects.ts";
import { backOffLeftMs } from "./job-back-off.ts";
import { endOf } from "./job-end.ts";
import { failedIndexes, indexAnnotation, indexOf, withIndex } from "./job-indexes.ts";
import { type Job, type JobStatus, jobStatus } from "./job-status.ts";
import { leastNeeded } from "./least-needed.ts";
import { endsOf, lossesOf, succeededOf, waitsForEnds } from "./pod-ends.ts";
import { generatedName, hasEnded, isReady, mostPodsAtOnce, podsOf } from "./pods-of.ts";
import { podOf, type World } from "./world.ts";

/**
 * Runs pods until enough have succeeded or too many have failed. As in Kubernetes, it has ended only when no
 * pod of it runs any more, so that the next job of a CronJob does not run beside it.
 */
export async function reconcileJob(job: Job, world: World): Promise<void> {
  const { spec } = job.manifest;
  const before = jobStatus(job);
  if (before?.end !== undefined) return await afterEnd(job, before, world);
  const isSuspended = spec.suspend === true;
  const isIndexed = spec.completionMode === "Indexed";
  const pods = podsOf(job, world);
  // Evaluated once: a pod that ends while the status is written is counted in the next turn.
  const running = pods.filter((pod) => !hasEnded(pod, world));
  const active = running.filter((pod) => pod.deleting === undefined);
  const ends = endsOf(job, pods, world);
  const losses = lossesOf(job, pods, world);
  const succeeded = succeededOf(job, ends);
  const failures = ends.flatMap(({ failure }) => failure ?? []);
  const succeededIndexes = succeeded.flatMap(({ index }) => index ?? []);
  const lost = failedIndexes(spec, ends);
  const status: JobStatus = {
    active: active.length,
    ready: active.filter((pod) => isReady(pod, world)).length,
    succeeded: succeeded.length,
    failed: failures.filter(({ counts }) => counts).length,
    ...(isSuspended ? {} : { startTimeNs: before?.startTimeNs ?? world.nowNs() }),
    ...(isIndexed ? { completedIndexes: writtenIndexes(succeededIndexes) } : {}),
    ...(spec.backoffLimitPerIndex === undefined ? {} : { failedIndexes: writtenIndexes(lost) }),
  };
  const progress = { failures, active, succeededIndexes, failedIndexes: lost };
  const decided = before?.decided ?? endOf(job, status, progress, world);
  if (decided !== undefined || isSuspended) {
    for (const pod of active) await world.remove(pod);
    const isOver = decided !== undefined && running.length === 0;
    if (isOver) {
      if (decided.end === "Complete") world.tell(job, "Normal", "Completed", "Job completed");
      else world.tell(job, "Warning", decided.reason, decided.message);
    }
    const over = isOver ? { ...decided, completionTimeNs: world.nowNs() } : decided && { decided };
    return await world.setStatus(job, { job: { ...status, active: 0, ready: 0, ...over } });
  }
  for (const loss of losses) await world.countPod(job, loss);
  await world.setStatus(job, { job: status });
  const surplus = active.length - wantedOf(spec, active.length, succeeded.length);
  for (const pod of leastNeeded(active, world).slice(0, Math.max(0, surplus))) await world.remove(pod);
  const held = waitsForEnds(spec) ? running.length : active.length;
  const taken = new Set([...running.map(indexOf), ...succeededIndexes, ...lost]);
  if (isIndexed) await makeIndexedPods(job, held, { pods, taken }, world);
  else await makePods(job, held, { pods, succeeded: succeeded.length }, world);
}

/** How many pods should run. Without a number of completions, no more are started after the first success. */
function wantedOf(
  { parallelism = 1, completions }: Job["manifest"]["spec"],
  held: number,
  succeeded: number,
): number {
  if (completions !== undefined) return Math.min(parallelism, completions - succeeded);
  return succeeded > 0 ? held : parallelism;
}

async function makePods(
  job: Job,
  held: number,
  { pods, succeeded }: { readonly pods: readonly StoredPod[]; readonly succeeded: number },
  world: World,
): Promise<void> {
  const { spec, metadata } = job.manifest;
  const missing = Math.min(mostPodsAtOnce, wantedOf(spec, held, succeeded) - held);
  if (missing <= 0) return;
  const leftMs = backOffLeftMs(pods, world);
  if (leftMs > 0) return world.lookAgainAfter(leftMs);
  const labels = labelsOf(job);
  for (let count = 0; count < missing; count++)
    await world.create(podOf(job, spec.template, generatedName(metadata.name), { labels }), job);
}

async function makeIndexedPods(
  job: Job,
  held: number,
  { pods, taken }: { readonly pods: readonly StoredPod[]; readonly taken: ReadonlySet<number> },
  world: World,
): Promise<void> {
  const { spec, metadata } = job.manifest;
  const { parallelism = 1, completions = 0, backoffLimitPerIndex } = spec;
  let missing = Math.min(mostPodsAtOnce, parallelism - held);
  for (let index = 0; index < completions && missing > 0; index++) {
    if (taken.has(index)) continue;
    // With a limit for each index, each index backs off separately.
    const before = backoffLimitPerIndex === undefined ? pods : pods.filter((pod) => indexOf(pod) === index);
    const leftMs = backOffLeftMs(before, world);
    if (leftMs > 0) {
      world.lookAgainAfter(leftMs);
      if (backoffLimitPerIndex === undefined) return;
      continue;
    }
    missing--;
    await world.create(
      podOf(job, withIndex(metadata.name, spec.template, index), generatedName(`${metadata.name}-${index}`), {
        labels: { ...labelsOf(job), [indexAnnotation]: String(index) },
        annotations: { [indexAnnotation]: String(index) },
      }),
      job,
    );
  }
}

function labelsOf({ uid, manifest: { metadata } }: Job): Readonly<Record<string, string>> {
  return {
    "batch.kubernetes.io/job-name": metadata.name,
    "job-name": metadata.name,
    "batch.kubernetes.io/controller-uid": uid,
    "controller-uid": uid,
  };
}

/** Pods of an ended job are kept for their logs, until the job is removed. */
async function afterEnd(job: Job, { completionTimeNs = 0n }: JobStatus, world: World): Promise<void> {
  const { ttlSecondsAfterFinished } = job.manifest.spec;
  if (ttlSecondsAfterFinished === undefined || job.deleting !== undefined) return;
  const leftMs = ttlSecondsAfterFinished * 1000 - Number(world.nowNs() - completionTimeNs) / 1e6;
  if (leftMs <= 0) await world.remove(job);
  else world.lookAgainAfter(leftMs);
}
