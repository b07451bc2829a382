import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { BerthError } from "../errors/index.ts";
import { JobThreads, threadFile } from "./index.ts";
import { heldJob, type TestJob } from "./testing/held-job.ts";

class TestError extends BerthError {}

const threads = (most: number) =>
  new JobThreads<TestJob, number>(
    { name: "test", file: threadFile(import.meta.url, "./testing/test-thread"), error: TestError },
    most,
  );

test("a long job holds up no other while a thread is free", async () => {
  await using jobs = threads(2);
  const held = heldJob();
  const long = jobs.run(held.job);
  assert.deepEqual(await Promise.all([1, 2, 3].map((job) => jobs.run(job))), [1, 2, 3]);
  held.release();
  assert.equal(await long, 0);
});

test("jobs beyond the number of threads wait for the next that is free, and none is lost by one that fails", async () => {
  await using jobs = threads(2);
  const held = [heldJob(), heldJob()];
  const long = held.map(({ job }) => jobs.run(job));
  const order: number[] = [];
  const waiting = [1, 2].map((job) => jobs.run(job).then((result) => order.push(result)));
  const refused = assert.rejects(jobs.run("refused"), { code: "FailedPrecondition" });
  held[1]?.release();
  await Promise.all([...waiting, refused]);
  assert.deepEqual(order, [1, 2]);
  assert.equal(await jobs.run(3), 3);
  held[0]?.release();
  assert.deepEqual(await Promise.all(long), [0, 0]);
});

test("a job that waits for a thread and is not wanted any more is never begun", async () => {
  await using jobs = threads(1);
  const held = heldJob();
  const long = jobs.run(held.job);
  const controller = new AbortController();
  const given = assert.rejects(jobs.run("exit", controller.signal), { message: "not wanted" });
  controller.abort(new Error("not wanted"));
  await given;
  held.release();
  assert.deepEqual([await long, await jobs.run(1)], [0, 1]);
});

test("disposing of the threads fails what waits for one, and starts none anew", async () => {
  const jobs = threads(1);
  const long = assert.rejects(jobs.run(heldJob().job), { name: "TestError", code: "Internal" });
  await setImmediate(); // it has begun
  const waiting = assert.rejects(jobs.run(1), { name: "TestError", code: "Unavailable" });
  const disposed = jobs[Symbol.asyncDispose]();
  await waiting;
  await Promise.all([long, disposed]);
  await assert.rejects(jobs.run(2), { code: "Unavailable" });
});
