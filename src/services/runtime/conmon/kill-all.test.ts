import assert from "node:assert/strict";
import { constants } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { cgroupLayout } from "../../../ground/linux/index.ts";
import { freeze } from "../../../testing/freeze.ts";
import { until } from "../../../testing/until.ts";
import type { OciSpec } from "../spec/types.ts";
import type { Task } from "../tasks.ts";
import { TaskBench, tracesOf } from "../testing/task-bench.ts";

/**
 * A process that waits for another one's end, and would print then. Between the two, in the order in which
 * they were born, are so many more that killing one after the other takes a while.
 */
const watchful = `
  mkfifo /tmp/end
  sleep 1000 > /tmp/end &
  for i in $(seq 100); do sleep 1000 & done
  (exec 3< /tmp/end; echo ready; cat <&3; echo ran on) &
  wait
  echo ran on`;

for (const handler of ["crun", "runc"]) {
  describe(`killing tasks with ${handler}`, () => {
    let bench: TaskBench;
    before(async () => {
      bench = await TaskBench.open();
    });
    after(() => bench[Symbol.asyncDispose]());

    for (const [namespace, change] of [
      ["its own PID namespace", (spec: OciSpec) => spec],
      ["the host's PID namespace", withoutPidNamespace],
    ] as const) {
      test(`in ${namespace} lets none of its processes see another one's end`, async () => {
        for (let round = 0; round < 2; round++) {
          const task = await bench.run(handler, watchful, change);
          await bench.logged(task, "ready");
          await task.killAll();
          assert.equal((await task.wait()).exitCode, 137);
          await task.delete();
          assert.doesNotMatch(await bench.log(task), /ran on|Killed/);
        }
      });

      test(`in ${namespace} ends one that is frozen`, async () => {
        const task = await bench.run(handler, "sleep 1000 & sleep 1000", change);
        await freezeTask(bench, task);
        await task.killAll();
        assert.equal((await task.wait()).exitCode, 137);
        await task.delete();
        await until(async () => (await tracesOf(task.id)).length === 0);
      });
    }

    // With cgroup v1 crun's own `kill` leaves it paused (findings/crun-kill-of-what-is-paused.sh).
    test("with SIGKILL ends one that is paused, also where it is not for all processes", async () => {
      const task = await bench.run(handler, "exec sleep 1000");
      await task.pause();
      await task.kill(constants.signals.SIGKILL);
      assert.equal((await task.wait(AbortSignal.timeout(10_000))).exitCode, 137);
      await task.delete();
    });

    test("lets no process of a command that is ended see another one's end", async () => {
      const task = await bench.run(handler, "sleep 1000");
      const script = "sleep 1000 | (cat; echo ran on > /tmp/ran-on)";
      for (let round = 0; round < 10; round++)
        await assert.rejects(task.execSync({ args: ["/bin/sh", "-c", script], timeoutMs: 300 }), {
          code: "DeadlineExceeded",
        });
      const { exitCode } = await task.execSync({ args: ["/bin/cat", "/tmp/ran-on"], timeoutMs: 0 });
      assert.equal(exitCode, 1);
      await task.delete();
    });
  });
}

function withoutPidNamespace(spec: OciSpec): OciSpec {
  return {
    ...spec,
    linux: { ...spec.linux, namespaces: spec.linux.namespaces.filter(({ type }) => type !== "pid") },
  };
}

/** As an administrator does by hand, or a daemon that dies in the middle of a checkpoint leaves it. */
async function freezeTask(bench: TaskBench, { id }: Task): Promise<void> {
  const layout = await cgroupLayout();
  assert.ok(layout !== undefined && layout.kind !== "v2");
  await freeze(join(layout.v1.get("freezer") ?? "", bench.cgroup, id, "freezer.state"));
}
