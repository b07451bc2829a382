import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { cgroupLayout } from "../../../ground/linux/index.ts";
import { TaskBench } from "../../../services/runtime/testing/task-bench.ts";
import { freeze } from "../../../testing/freeze.ts";
import { stopTask } from "./stop-task.ts";

const SIGTERM = 15;

test("a stop of what does not end though it was killed says so, and the next one goes on from there", async () => {
  const layout = await cgroupLayout();
  assert.ok(layout !== undefined && layout.kind !== "v2", "hierarchies of cgroup v1 are not mounted");
  await using bench = await TaskBench.open();
  const task = await bench.run("crun", "sleep 1000");
  // That of the pod, which is not the container's to thaw.
  const state = join(layout.v1.get("freezer") ?? "", bench.cgroup, "freezer.state");
  try {
    await freeze(state);
    await assert.rejects(stopTask(task, SIGTERM, 0, undefined, 100), {
      code: "DeadlineExceeded",
      message: /was killed, but process \d+ has not exited/,
    });
  } finally {
    await writeFile(state, "THAWED");
  }
  await stopTask(task, SIGTERM, 0);
  assert.equal(task.state().kind, "exited");
});
