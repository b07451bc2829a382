import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readManifests } from "../../manifests/index.ts";
import { isOfKind, type ObjectStatus, type StoredObject } from "../objects.ts";
import { reconcileCronJob } from "./cron-job.ts";
import type { JobStatus } from "./job-status.ts";
import { worldOf } from "./testing/world.ts";

const minuteMs = 60_000;
const startMs = Date.parse("2026-01-01T00:00:00Z");

/** A cron job for every minute, with the jobs that it has created, at a time set by the test. */
class Clockwork {
  readonly jobs = new Map<string, StoredObject>();
  readonly removed: string[] = [];
  status: ObjectStatus = {};
  readonly #cronJob: ReturnType<typeof cronJob>;

  constructor(spec: object) {
    this.#cronJob = cronJob(spec);
  }

  async at(minutes: number): Promise<void> {
    await reconcileCronJob(
      { ...this.#cronJob, status: this.status },
      worldOf({
        nowNs: () => BigInt(startMs + minutes * minuteMs) * 1_000_000n,
        owned: () => [...this.jobs.values()],
        create: async (manifest) => {
          const { name } = manifest.metadata;
          this.jobs.set(name, { manifest, uid: name, createdAtNs: 1n, generation: 1 });
        },
        remove: async ({ uid }) => {
          this.removed.push(uid);
          this.jobs.delete(uid);
        },
        setStatus: async (_, status) => {
          this.status = status;
        },
      }),
    );
  }

  end(name: string, end: JobStatus["end"], minutes: number): void {
    const job = this.jobs.get(name);
    assert.ok(job);
    const completionTimeNs = BigInt(startMs + minutes * minuteMs) * 1_000_000n;
    this.jobs.set(name, { ...job, status: { job: { end, completionTimeNs } } });
  }
}

function cronJob(spec: object) {
  const text = JSON.stringify({
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata: { name: "tick" },
    spec: {
      schedule: "* * * * *",
      jobTemplate: {
        spec: { template: { spec: { restartPolicy: "Never", containers: [{ name: "main", image: "b" }] } } },
      },
      ...spec,
    },
  });
  const [manifest] = readManifests([{ file: "cron.json", text }]).manifests;
  assert.ok(manifest);
  const object: StoredObject = {
    manifest,
    uid: "tick",
    createdAtNs: BigInt(startMs) * 1_000_000n,
    generation: 1,
  };
  assert.ok(isOfKind(object, "CronJob"));
  return object;
}

describe("a cron job", () => {
  const first = `tick-${startMs / minuteMs + 1}`;

  it("shows its running jobs, and when the last one was due and done", async () => {
    const clockwork = new Clockwork({});
    await clockwork.at(0.5);
    assert.deepEqual(clockwork.status, {});
    await clockwork.at(1);
    await clockwork.at(1.1);
    const active = { apiVersion: "batch/v1", kind: "Job", name: first, namespace: "default", uid: first };
    assert.deepEqual(clockwork.status, { active: [active], lastScheduleTime: "2026-01-01T00:01:00Z" });
    clockwork.end(first, "Complete", 1.5);
    await clockwork.at(1.6);
    const done = { lastScheduleTime: "2026-01-01T00:01:00Z", lastSuccessfulTime: "2026-01-01T00:01:30Z" };
    assert.deepEqual(clockwork.status, done);
    // Even if that one no longer exists.
    clockwork.jobs.clear();
    await clockwork.at(1.7);
    assert.deepEqual(clockwork.status, done);
  });

  it("notes the time at which a job was due in it, in the schedule's time zone", async () => {
    for (const [spec, noted] of [
      [{}, "2026-01-01T00:01:00Z"],
      [{ timeZone: "Asia/Kolkata" }, "2026-01-01T05:31:00+05:30"],
    ] as const) {
      const clockwork = new Clockwork(spec);
      await clockwork.at(1);
      const [job] = clockwork.jobs.values();
      const { annotations } = job?.manifest.metadata ?? {};
      assert.equal(annotations?.["batch.kubernetes.io/cronjob-scheduled-timestamp"], noted);
    }
  });

  it("creates no job for a time that is past its deadline", async () => {
    const clockwork = new Clockwork({ startingDeadlineSeconds: 10 });
    await clockwork.at(2.5);
    assert.deepEqual([clockwork.jobs.size, clockwork.status], [0, {}]);
    await clockwork.at(3.1);
    assert.deepEqual(clockwork.status.lastScheduleTime, "2026-01-01T00:03:00Z");
    assert.equal(clockwork.jobs.size, 1);
  });

  it("creates one job for missed times, and none twice", async () => {
    const clockwork = new Clockwork({});
    await clockwork.at(5.5);
    await clockwork.at(5.6);
    assert.deepEqual([...clockwork.jobs.keys()], [`tick-${startMs / minuteMs + 5}`]);
  });

  it("waits for its running job, or replaces it", async () => {
    const waiting = new Clockwork({ concurrencyPolicy: "Forbid" });
    await waiting.at(1);
    await waiting.at(2);
    assert.deepEqual([...waiting.jobs.keys()], [first]);
    waiting.end(first, "Complete", 2.1);
    await waiting.at(2.2);
    assert.equal(waiting.jobs.size, 2);
    const replacing = new Clockwork({ concurrencyPolicy: "Replace" });
    await replacing.at(1);
    await replacing.at(2);
    assert.deepEqual([replacing.removed, replacing.jobs.size], [[first], 1]);
  });
});
