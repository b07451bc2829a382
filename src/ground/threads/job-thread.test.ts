import assert from "node:assert/strict";
import { test } from "node:test";
import { BerthError } from "../errors/index.ts";
import { JobThread, threadFile } from "./index.ts";
import type { TestJob } from "./testing/held-job.ts";

class TestError extends BerthError {}

const thread = () =>
  new JobThread<TestJob, number>({
    name: "test",
    file: threadFile(import.meta.url, "./testing/test-thread"),
    error: TestError,
  });

test("each job gets its own answer, in order", async () => {
  await using jobs = thread();
  const order: number[] = [];
  const all = [3, 1, 2].map((job) => jobs.run(job).then((result) => order.push(result)));
  await Promise.all(all);
  assert.deepEqual(order, [3, 1, 2]);
});

test("what fails is the room's own error, with the code and all of the message, and harms no other job", async () => {
  await using jobs = thread();
  const refused = jobs.run("refused");
  const broken = jobs.run("broken");
  const fine = jobs.run(7);
  const expected = { name: "TestError", code: "FailedPrecondition", message: "not now: why" };
  await assert.rejects(refused, expected);
  await assert.rejects(broken, { name: "TestError", code: "InvalidArgument", message: "broken" });
  assert.equal(await fine, 7);
});

test("a thread that ends fails the jobs that wait, and the next one gets a new thread", async () => {
  await using jobs = thread();
  const ended = { name: "TestError", code: "Internal", message: /thread test ended/ };
  await Promise.all(["exit" as const, 1].map((job) => assert.rejects(jobs.run(job), ended)));
  assert.equal(await jobs.run(2), 2);
});
