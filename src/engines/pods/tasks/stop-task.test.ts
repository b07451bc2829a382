import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { cgroupLayout } from "../../../ground/linux/index.ts";
import { TaskBench } from "../../../services/runtime/testing/task-bench.ts";
import { freeze } from "../../../testing/freeze.ts";
import { killTask } from "./stop-task.ts";

test("what does not end though it was killed is told of, and the next kill goes on from there", async () => {
  const layout = await cgroupLayout();
  assert.ok(layout !== undefined && layout.kind !== "v2", "hierarchies of cgroup v1 are not mounted");
  await using bench = await TaskBench.open();
  const task = await bench.run("crun", "sleep 1000");
  // That of the pod, which is not the container's to thaw.
  const state = join(layout.v1.get("freezer") ?? "", bench.cgroup, "freezer.state");
  try {
    await freeze(state);
    await assert.rejects(killTask(task, undefined, 100), {
      code: "DeadlineExceeded",
      message: /was killed, but process \d+ has not exited/,
    });
  } finally {
    await writeFile(state, "THAWED");
  }
  await killTask(task);
  assert.equal(task.state().kind, "exited");
});
