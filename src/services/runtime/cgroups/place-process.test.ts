import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { cgroupLayout } from "../../../ground/linux/index.ts";
import { placeProcess } from "./place-process.ts";
import { removeCgroup } from "./remove-cgroup.ts";

test("a process is put into a cgroup that is made for it, again where somebody has removed it", async () => {
  const layout = await cgroupLayout();
  assert.ok(layout !== undefined, "no cgroups are mounted");
  const path = `/berth-test-place-${process.pid}`;
  await using undo = new AsyncDisposableStack();
  undo.defer(() => removeCgroup(layout, path));
  for (const _ of ["first", "again"]) {
    const sleeper = spawn("sleep", ["1000"]);
    undo.defer(() => void sleeper.kill("SIGKILL"));
    await placeProcess(layout, path, sleeper.pid ?? 0);
    assert.match(await readFile(`/proc/${sleeper.pid}/cgroup`, "utf8"), new RegExp(`:${path}\n`));
    const ended = once(sleeper, "exit");
    sleeper.kill("SIGKILL");
    await ended;
    await removeCgroup(layout, path);
  }
});
