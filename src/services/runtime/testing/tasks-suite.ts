import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parseSpecJson } from "../../../ground/json/index.ts";
import { until } from "../../../testing/until.ts";
import type { OciLimits, OciSpec } from "../spec/types.ts";
import type { Tasks } from "../tasks.ts";
import { type TaskBench, tracesOf } from "./task-bench.ts";

/** Seconds to sleep, by which a process is found again that is this run's alone. */
const marker = `7${process.pid}`;

/** What the tests need of a place for tasks; {@link TaskBench} is that of conmon. */
export type TasksBench = AsyncDisposable &
  Pick<TaskBench, "spec" | "create" | "run" | "attach" | "restart" | "log" | "logged" | "bundleOf"> & {
    readonly tasks: Tasks;
  };

/**
 * Tests what the interface promises of every implementation of {@link Tasks}. `open` makes a bench whose
 * tasks are of that implementation and which has a runtime handler of the name `handler`; `name` begins the
 * tests' titles.
 */
export function tasksSuite(name: string, handler: string, open: () => Promise<TasksBench>): void {
  describe(name, () => {
    let bench: TasksBench;
    before(async () => {
      bench = await open();
    });
    after(() => bench[Symbol.asyncDispose]());

    test("a task goes from created to running to exited with the process's code and times", async () => {
      const task = await bench.create(await bench.spec(handler, "read line < /tmp/nothing; exit 7"));
      const created = task.state();
      assert.equal(created.kind, "created");
      const before = BigInt(Date.now()) * 1_000_000n;
      await task.start();
      const exit = await task.wait();
      assert.equal(exit.exitCode, 7);
      assert.equal(exit.cause, "exited");
      assert.ok(exit.startedAtNs >= before);
      assert.ok(exit.finishedAtNs >= exit.startedAtNs);
      assert.deepEqual(task.state(), { kind: "exited", exit });
      await assert.rejects(task.start(), { name: "RuntimeError", code: "FailedPrecondition" });
    });

    test("of two starts at the same time one is refused, and the process goes on", async () => {
      const task = await bench.create(await bench.spec(handler, "exec sleep 1000"));
      const [first, second] = await Promise.allSettled([task.start(), task.start()]);
      assert.equal(first.status, "fulfilled");
      assert.equal(second.status === "rejected" && second.reason.code, "FailedPrecondition");
      assert.deepEqual([task.state().kind, await task.livePid()], ["running", task.pid]);
      await task.killAll();
    });

    test("updates at the same time are all in force in the end", async () => {
      const task = await bench.run(handler, "exec sleep 1000");
      for (let round = 1; round <= 5; round++) {
        const limits: OciLimits = {
          pids: { limit: 100 + round },
          cpu: { shares: 512 + round },
          memory: { limit: (100 + round) << 20 },
        };
        const each = Object.entries(limits).map(([key, value]) =>
          task.update({ limits: { [key]: value }, oomScoreAdj: undefined }),
        );
        await Promise.all(each);
        const text = await readFile(join(bench.bundleOf(task), "config.json"), "utf8");
        const { pids, cpu, memory } = parseSpecJson<OciSpec>(text).linux.resources;
        assert.deepEqual({ pids, cpu, memory }, limits);
      }
      await task.killAll();
    });

    test("the log has both streams in CRI's format, and a line without an end as partial", async () => {
      const task = await bench.run(handler, "echo out; echo err >&2; printf part");
      await task.wait();
      const lines = (await bench.log(task)).trim().split("\n");
      const parsed = lines.map((line) =>
        /^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) (stdout|stderr) ([FP]) (.*)$/.exec(line)?.slice(1),
      );
      assert.deepEqual(parsed.toSorted(), [
        ["stderr", "F", "err"],
        ["stdout", "F", "out"],
        ["stdout", "P", "part"],
      ]);
    });

    test("a signal reaches the first process, and its end by a signal counts 128 more", async () => {
      const trapping = await bench.run(
        handler,
        "trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done",
      );
      await bench.logged(trapping, "ready");
      await trapping.kill(15);
      assert.equal((await trapping.wait()).exitCode, 3);
      const sleeping = await bench.run(handler, "exec sleep 1000");
      await sleeping.kill(9);
      assert.equal((await sleeping.wait()).exitCode, 137);
      await sleeping.kill(9);
    });

    test("a container without a PID namespace of its own leaves no process when its first one ends", async () => {
      const task = await bench.run(handler, `sleep ${marker} & exit 0`, withoutPidNamespace);
      assert.equal((await task.wait()).exitCode, 0);
      await until(async () => (await tracesOf(marker)).length === 0);
    });

    test("a program that is not there fails the creation in the OCI runtime's words and leaves nothing", async () => {
      const spec = await bench.spec(handler, "", (spec) => ({
        ...spec,
        process: { ...spec.process, args: ["/nosuch"] },
      }));
      await assert.rejects(bench.create(spec), {
        code: "Internal",
        message: /nosuch.*(not found|no such file)/,
      });
      assert.deepEqual(await readdir(spec.bundleDir), []);
      assert.deepEqual(await tracesOf(spec.id), []);
    });

    test("what berth does not know of a specification reaches the OCI runtime as it is, also after an update", async () => {
      const unknown = { deep: [1, { nothing: null, endless: 18446744073709551615n }], "": "no name" };
      const foreign = ({ process, linux, ...spec }: OciSpec) => ({
        ...spec,
        process: { ...process, "org.example": unknown },
        linux: { ...linux, "org.example": unknown },
        hostname: "of-the-client",
        "org.example": unknown,
      });
      const spec = await bench.spec(handler, "cat /proc/sys/kernel/hostname; sleep 1000", foreign);
      const task = await bench.create(spec);
      const written = async () =>
        parseSpecJson(await readFile(join(bench.bundleOf(task), "config.json"), "utf8"));
      assert.deepEqual(await written(), spec.spec);
      await task.start();
      await bench.logged(task, "of-the-client");
      await task.update({ limits: { pids: { limit: 50 } }, oomScoreAdj: undefined });
      const { resources, ...linux } = spec.spec.linux;
      const updated = { ...spec.spec, linux: { ...linux, resources: { ...resources, pids: { limit: 50 } } } };
      assert.deepEqual(await written(), updated);
    });

    test("the next daemon finds a running task, and learns of its exit", async () => {
      const task = await bench.run(handler, "while [ ! -e /tmp/go ]; do sleep 0.02; done; exit 5");
      await bench.restart();
      const again = await bench.attach(handler, task);
      assert.deepEqual(again.state(), task.state());
      await again.execSync({ args: ["/bin/sh", "-c", "echo > /tmp/go"], timeoutMs: 0 });
      assert.equal((await again.wait()).exitCode, 5);
    });

    test("a task whose files are gone is lost, and can be deleted", async () => {
      const spec = await bench.spec(handler, "exit 0");
      const task = await bench.tasks.attach(spec);
      const exit = await task.wait();
      assert.equal(exit.cause, "lost");
      assert.match(exit.message, /processes are gone.*restarted/);
      assert.equal(exit.exitCode, 255);
      await task.delete();
    });

    test("a wait that is canceled ends alone", async () => {
      const task = await bench.run(handler, "sleep 1000");
      const canceled = new AbortController();
      const waiting = task.wait(canceled.signal);
      canceled.abort();
      await assert.rejects(waiting, { code: "Canceled" });
      assert.equal(task.state().kind, "running");
    });
  });
}

function withoutPidNamespace(spec: OciSpec): OciSpec {
  return {
    ...spec,
    linux: { ...spec.linux, namespaces: spec.linux.namespaces.filter(({ type }) => type !== "pid") },
  };
}
