import assert from "node:assert/strict";
import { test } from "node:test";
import { BerthError } from "../errors/index.ts";
import { JobThread, threadFile } from "./index.ts";
import { heldJob, RefusedError, type TestJob } from "./testing/held-job.ts";

class TestError extends BerthError {}

const options = {
  name: "test",
  file: threadFile(import.meta.url, "./testing/test-thread"),
  error: TestError,
};
const thread = () => new JobThread<TestJob, number>(options);

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
  const full = jobs.run("full");
  const broken = jobs.run("broken");
  const fine = jobs.run(7);
  await assert.rejects(refused, { name: "TestError", code: "FailedPrecondition", message: "not now" });
  await assert.rejects(full, { name: "TestError", code: "ResourceExhausted", message: "no space left" });
  await assert.rejects(broken, { name: "TestError", code: "Internal", message: "broken: why" });
  assert.equal(await fine, 7);
});

test("an error of another room keeps its class and its fields where its class is told", async () => {
  await using jobs = new JobThread<TestJob, number>({ ...options, otherErrors: [RefusedError] });
  await assert.rejects(jobs.run("refused"), (error) => {
    assert.ok(error instanceof RefusedError);
    const { name, code, message, attempts } = error;
    assert.deepEqual(
      { name, code, message, attempts },
      { name: "RefusedError", code: "FailedPrecondition", message: "not now", attempts: 7 },
    );
    return true;
  });
});

test("a job whose caller gives up ends, and its caller gets the reason", async () => {
  await using jobs = thread();
  const controller = new AbortController();
  const ended = assert.rejects(jobs.run("until aborted", controller.signal), { message: "not wanted" });
  assert.equal(await jobs.run(1), 1);
  controller.abort(new Error("not wanted"));
  await ended;
  await assert.rejects(jobs.run(2, controller.signal), { message: "not wanted" });
});

test("a thread that ends fails the jobs that wait, and the next one gets a new thread", async () => {
  await using jobs = thread();
  const ended = { name: "TestError", code: "Internal", message: /thread test ended/ };
  await Promise.all(["exit" as const, 1].map((job) => assert.rejects(jobs.run(job), ended)));
  assert.equal(await jobs.run(2), 2);
});

test("a thread that does not notice that its job is not wanted any more is given up for another one", async () => {
  await using jobs = new JobThread<TestJob, number>({ ...options, giveUpMs: 50 });
  const held = heldJob();
  const controller = new AbortController();
  const given = assert.rejects(jobs.run(held.job, controller.signal), { message: "not wanted" });
  controller.abort(new Error("not wanted"));
  await given;
  assert.equal(await jobs.run(1), 1);
  held.release();
});
