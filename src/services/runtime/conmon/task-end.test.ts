import assert from "node:assert/strict";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { until } from "../../../testing/until.ts";
import type { Task } from "../tasks.ts";
import { oneHandler, TaskBench, tracesOf } from "../testing/task-bench.ts";

async function monitorOf(bench: TaskBench, task: Task): Promise<number> {
  return Number(await readFile(join(bench.bundleOf(task), "conmon.pid"), "utf8"));
}

for (const handler of ["crun", "runc"]) {
  describe(`a conmon that is stuck, with ${handler}`, () => {
    test("is ended some time after its container was killed, whose exit code the kernel still tells", async () => {
      await using bench = await TaskBench.open({ monitorGraceMs: 100 });
      const task = await bench.run(handler, "sleep 1000");
      process.kill(await monitorOf(bench, task), "SIGSTOP");
      await task.killAll();
      const exit = await task.wait();
      assert.deepEqual([exit.exitCode, exit.cause], [137, "exited"]);
      await task.delete();
      await until(async () => (await tracesOf(task.id)).length === 0);
    });

    test("of a daemon before this one is ended as well", async () => {
      await using bench = await TaskBench.open({ monitorGraceMs: 100 });
      const task = await bench.run(handler, "sleep 1000");
      process.kill(await monitorOf(bench, task), "SIGSTOP");
      await bench.restart();
      const again = await bench.attach(handler, task);
      assert.equal(again.state().kind, "running");
      await again.kill(9);
      assert.equal((await again.wait()).exitCode, 137);
    });
  });

  test(`a start whose process has ended before, for which ${handler} waits, ends with that`, async () => {
    // As the OCI runtime does whose check comes before the process's end.
    const script = (program: string) => `#!/bin/sh
      case " $* " in *" start "*) kill -9 $(cat "$(dirname "$0")"/bundle-*/pidfile); exec sleep 1000;; esac
      exec ${program} "$@"`;
    await using bench = await TaskBench.open({}, (directory) =>
      oneHandler("waiting", join(directory, "waiting"), "other"),
    );
    const path = join(bench.directory, "waiting");
    await writeFile(path, script(handler));
    await chmod(path, 0o755);
    const task = await bench.create(await bench.spec("waiting", "exit 0"));
    await assert.rejects(task.start(), { code: "Internal", message: /had ended before it was started/ });
    assert.equal((await task.wait()).exitCode, 137);
  });
}
