import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { endsWithin, processStartTime } from "../index.ts";

test("the end of a process is told by the kernel, and that it goes on when the time is over", async () => {
  const child = spawn("sleep", ["1000"]);
  const ended = once(child, "exit");
  const pid = child.pid ?? 0;
  const startTime = (await processStartTime(pid)) ?? 0;
  assert.equal(await endsWithin(pid, startTime, 20), false);
  const told = endsWithin(pid, startTime, 30_000);
  child.kill("SIGKILL");
  assert.equal(await told, true);
  await ended;
  assert.equal(await endsWithin(pid, startTime, 30_000), true, "it is gone");
});

test("a process that has the pid of one that ended is not waited for", async () => {
  const startTime = (await processStartTime(process.pid)) ?? 0;
  assert.equal(await endsWithin(process.pid, startTime - 1, 30_000), true);
});
