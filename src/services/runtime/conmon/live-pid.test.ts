import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { until } from "../../../testing/until.ts";
import { TaskBench } from "../testing/task-bench.ts";

for (const handler of ["crun", "runc"]) {
  test(`a pid is not believed once the kernel says that its process has ended, before conmon does, with ${handler}`, async () => {
    await using bench = await TaskBench.open();
    const task = await bench.run(handler, "sleep 1000");
    const state = task.state();
    assert(state.kind === "running");
    assert.equal(await task.livePid(), state.pid);
    const monitor = Number(await readFile(join(bench.bundleOf(task), "conmon.pid"), "utf8"));
    process.kill(monitor, "SIGSTOP");
    try {
      process.kill(state.pid, "SIGKILL");
      await until(async () => (await task.livePid()) === undefined);
      assert.equal(task.state().kind, "running");
      const ended = { code: "FailedPrecondition", message: /first process has ended/ };
      await assert.rejects(task.update({ limits: {}, oomScoreAdj: 500 }), ended);
      const imageDir = join(bench.directory, "images");
      await mkdir(imageDir);
      const dump = { imageDir, workDir: imageDir, criuPath: "/usr/sbin/criu" };
      await assert.rejects(task.dump(dump, new AbortController().signal), ended);
    } finally {
      process.kill(monitor, "SIGCONT");
    }
    await task.wait();
    assert.equal(await task.livePid(), undefined);
  });
}
