import { cronSchedule, type Manifest, type ManifestOf } from "../../manifests/index.ts";
import { writtenTime } from "../../podlife/index.ts";
import { isOfKind, type ObjectStatus, type StoredObject } from "../objects.ts";
import { type Job, jobStatus } from "./job-status.ts";
import type { World } from "./world.ts";

type CronJob = StoredObject<ManifestOf<"CronJob">>;

/** Creates a job at each time of the schedule. Of several missed times, only the last one counts. */
export async function reconcileCronJob(cronJob: CronJob, world: World): Promise<void> {
  const { spec } = cronJob.manifest;
  const jobs = world.owned(cronJob).filter((one) => isOfKind(one, "Job"));
  await removeOldJobs(cronJob, jobs, world);
  await world.setStatus(cronJob, statusOf(cronJob, jobs));
  if (spec.suspend === true) return;
  const schedule = cronSchedule(spec.schedule, spec.timeZone);
  const nowMs = Number(world.nowNs() / 1_000_000n);
  const { startingDeadlineSeconds } = spec;
  // A time that is missed by too much is ignored.
  const fromMs = Math.max(
    lastScheduleMs(cronJob),
    startingDeadlineSeconds === undefined ? 0 : nowMs - startingDeadlineSeconds * 1000 - 1,
  );
  const dueMs = schedule.lastDue(fromMs, nowMs);
  const nextMs = schedule.next(dueMs ?? fromMs);
  if (nextMs !== undefined) world.lookAgainAfter(nextMs - nowMs);
  if (dueMs === undefined) return;
  const running = jobs.filter(isActive);
  // Retried when the running job has ended, unless it is too late by then.
  if (spec.concurrencyPolicy === "Forbid" && running.length > 0) return;
  if (spec.concurrencyPolicy === "Replace") for (const job of running) await world.remove(job);
  const job = jobOf(cronJob, dueMs);
  if (jobs.every((one) => one.manifest.metadata.name !== job.metadata.name)) await world.create(job, cronJob);
  await world.setStatus(cronJob, {
    ...statusOf(cronJob, jobs),
    lastScheduleTime: writtenTime(BigInt(dueMs) * 1_000_000n),
  });
}

function isActive(job: Job): boolean {
  return jobStatus(job)?.end === undefined && job.deleting === undefined;
}

/** The running jobs, and the time of the last success; the last scheduled time is kept. */
function statusOf({ status = {} }: CronJob, jobs: readonly Job[]): ObjectStatus {
  const { lastScheduleTime, lastSuccessfulTime } = status;
  const done = jobs.flatMap((job) => {
    const { end, completionTimeNs } = jobStatus(job) ?? {};
    return end === "Complete" && completionTimeNs !== undefined ? [writtenTime(completionTimeNs)] : [];
  });
  const last = [...done, ...(typeof lastSuccessfulTime === "string" ? [lastSuccessfulTime] : [])]
    .sort()
    .at(-1);
  const active = jobs.filter(isActive).map(({ uid, manifest: { apiVersion, kind, metadata } }) => ({
    apiVersion,
    kind,
    name: metadata.name,
    namespace: metadata.namespace,
    uid,
  }));
  return {
    ...(active.length === 0 ? {} : { active }),
    ...(lastScheduleTime === undefined ? {} : { lastScheduleTime }),
    ...(last === undefined ? {} : { lastSuccessfulTime: last }),
  };
}

function lastScheduleMs({ status, createdAtNs }: CronJob): number {
  const { lastScheduleTime } = status ?? {};
  return typeof lastScheduleTime === "string"
    ? Date.parse(lastScheduleTime)
    : Number(createdAtNs / 1_000_000n);
}

/**
 * Named after its minute, so that each time has only one job; as in Kubernetes, shorter intervals are not
 * possible.
 */
function jobOf({ manifest: { metadata, spec } }: CronJob, dueMs: number): Manifest {
  const { labels = {}, annotations = {} } = spec.jobTemplate.metadata ?? {};
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name: `${metadata.name}-${Math.floor(dueMs / 60_000)}`,
      namespace: metadata.namespace,
      labels,
      annotations: {
        ...annotations,
        "batch.kubernetes.io/cronjob-scheduled-timestamp": timeIn(spec.timeZone ?? "UTC", dueMs),
      },
    },
    spec: spec.jobTemplate.spec,
  };
}

/** `2026-03-01T08:00:00+01:00`; `Z` where that is the offset. */
function timeIn(timeZone: string, ms: number): string {
  const instant = Temporal.Instant.fromEpochMilliseconds(ms);
  const time = instant.toString({ timeZone, smallestUnit: "second" });
  return time.replace(/[+-]00:00$/, "Z");
}

async function removeOldJobs(
  { manifest: { spec } }: CronJob,
  jobs: readonly Job[],
  world: World,
): Promise<void> {
  const limits = [
    ["Complete", spec.successfulJobsHistoryLimit ?? 3],
    ["Failed", spec.failedJobsHistoryLimit ?? 1],
  ] as const;
  for (const [end, limit] of limits) {
    const ended = jobs
      .filter((job) => jobStatus(job)?.end === end && job.deleting === undefined)
      .toSorted((a, b) => Number(b.createdAtNs - a.createdAtNs));
    for (const job of ended.slice(limit)) await world.remove(job);
  }
}
