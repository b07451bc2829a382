import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { HostPaths } from "../../../ground/hostpaths/index.ts";
import { PublishedEvents } from "../../../testing/published.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import type { OciSpec } from "../spec/types.ts";
import type { Task } from "../tasks.ts";
import { TaskBench, tracesOf } from "../testing/task-bench.ts";
import { tasksSuite } from "../testing/tasks-suite.ts";

for (const handler of ["crun", "runc"]) {
  tasksSuite(`tasks with ${handler}`, handler, () => TaskBench.open());

  describe(`tasks of conmon with ${handler}`, () => {
    const events = new PublishedEvents();
    let bench: TaskBench;
    before(async () => {
      bench = await TaskBench.open({ events });
    });
    after(() => bench[Symbol.asyncDispose]());

    test("a process that is killed for want of memory is oomKilled, which is published before its exit", async () => {
      events.take();
      const task = await bench.run(handler, 'x=$(yes | head -c 100000000); echo "$x"', (spec) =>
        withMemory(spec, 16 << 20),
      );
      const exit = await task.wait();
      assert.equal(exit.cause, "oomKilled");
      assert.notEqual(exit.exitCode, 0);
      const topics = ["/tasks/create", "/tasks/start", "/tasks/oom", "/tasks/exit"];
      assert.deepEqual(events.topics(), topics);
    });

    test("a start that fails ends the task as exited 128 with the reason", async () => {
      const task = await bench.create(await bench.spec(handler, "exit 0"));
      const state = task.state();
      assert.ok(state.kind === "created");
      process.kill(state.pid, "SIGKILL");
      await task.wait();
      const waiting = await bench.create(await bench.spec(handler, "exit 0"));
      await bench.forget(handler, waiting);
      await assert.rejects(waiting.start(), { code: "Internal" });
      const exit = await waiting.wait();
      assert.equal(exit.exitCode, 128);
      assert.equal(exit.cause, "startError");
      assert.notEqual(exit.message, "");
      await bench.restart();
      assert.deepEqual((await bench.attach(handler, waiting)).state(), { kind: "exited", exit });
    });

    test("a container with a terminal starts also where the paths of sockets would be too long", async () => {
      await using directory = await tempDir();
      const tmp = process.env.TMPDIR;
      process.env.TMPDIR = join(directory.path, "x".repeat(100));
      try {
        await mkdir(process.env.TMPDIR);
        await using long = await TaskBench.open();
        const spec = await long.spec(handler, "tty; exec sleep 1000", (given) => ({
          ...given,
          process: { ...given.process, terminal: true },
        }));
        const task = await long.create({ ...spec, io: long.console(spec.id, { terminal: true }) });
        await task.start();
        await long.logged(task, "/dev/pts/0");
      } finally {
        if (tmp === undefined) delete process.env.TMPDIR;
        else process.env.TMPDIR = tmp;
      }
    });

    test("a log that was renamed goes on under its old name", async () => {
      const task = await bench.run(
        handler,
        "echo one; while [ ! -e /tmp/go ]; do sleep 0.02; done; echo two; sleep 1000",
      );
      await bench.logged(task, "one");
      await rename(bench.logPath(task), `${bench.logPath(task)}.1`);
      await reopen(task);
      await task.execSync({ args: ["/bin/sh", "-c", "echo > /tmp/go"], timeoutMs: 0 });
      await bench.logged(task, "two");
      assert.match(await readFile(`${bench.logPath(task)}.1`, "utf8"), /one\n$/);
      await task.kill(9);
      await task.wait();
      await assert.rejects(reopen(task), { code: "FailedPrecondition" });
    });

    test("a log that was not renamed keeps what is in it when it is reopened", async () => {
      const task = await bench.run(handler, "echo one; sleep 1000");
      await bench.logged(task, "one");
      await reopen(task);
      assert.match(await readFile(bench.logPath(task), "utf8"), /one\n$/);
    });

    test("the next daemon learns of an exit that happened while none was there", async () => {
      const task = await bench.run(handler, "echo up; exec sleep 1000");
      // Until its command runs it is the OCI runtime's first process, which SIGTERM may end.
      await bench.logged(task, "up");
      await bench.tasks[Symbol.asyncDispose]();
      await task.kill(15);
      await task.kill(9);
      await until(async () => (await readdir(join(bench.directory, "exits"))).includes(task.id));
      await bench.restart();
      const state = (await bench.attach(handler, task)).state();
      assert.ok(state.kind === "exited");
      assert.equal(state.exit.exitCode, 137);
      assert.equal(state.exit.cause, "exited");
    });

    test("a start that was cut off by the daemon's end is found out from the OCI runtime", async () => {
      const waiting = await bench.create(await bench.spec(handler, "exit 0"));
      const running = await bench.run(handler, "sleep 1000");
      for (const task of [waiting, running]) await bench.rewind(task, "starting");
      await bench.restart();
      assert.equal((await bench.attach(handler, waiting)).state().kind, "created");
      assert.equal((await bench.attach(handler, running)).state().kind, "running");
    });

    test("a container whose conmon was killed runs on, and its exit is lost", async () => {
      const task = await bench.run(handler, "sleep 1000");
      process.kill(Number(await readFile(join(bench.bundleOf(task), "conmon.pid"), "utf8")), "SIGKILL");
      await bench.restart();
      const again = await bench.attach(handler, task);
      assert.equal(again.state().kind, "running");
      await again.kill(9);
      const exit = await again.wait();
      assert.equal(exit.exitCode, 255);
      assert.equal(exit.cause, "lost");
      assert.match(exit.message, /conmon ended without reporting the exit.*no room for its exit file/);
    });

    test("a conmon that is killed under a daemon that runs on is noticed", async () => {
      await using watchful = await TaskBench.open({ checkIntervalMs: 20 });
      const task = await watchful.run(handler, "sleep 1000");
      process.kill(Number(await readFile(join(watchful.bundleOf(task), "conmon.pid"), "utf8")), "SIGKILL");
      await task.kill(9);
      assert.equal((await task.wait()).cause, "lost");
    });

    test("delete ends a running task, can be repeated, and leaves no process, cgroup, mount or file", async () => {
      const task = await bench.run(handler, "sleep 1000 & sleep 1000");
      await Promise.all([task.delete(), task.delete()]);
      await task.delete();
      assert.equal((await task.wait()).exitCode, 137);
      assert.deepEqual(await tracesOf(task.id), []);
      assert.deepEqual(await readdir(bench.bundleOf(task)), []);
      assert.ok(!(await readdir(join(bench.directory, "exits"))).includes(task.id));
    });

    test("conmon and what it starts run in the monitor cgroup, if there is one", async () => {
      const monitorCgroup = join(bench.cgroup, "monitors");
      const task = await bench.create({ ...(await bench.spec(handler, "sleep 1000")), monitorCgroup });
      const pid = (await readFile(join(bench.bundleOf(task), "conmon.pid"), "utf8")).trim();
      assert.match(await readFile(`/proc/${pid}/cgroup`, "utf8"), new RegExp(`${monitorCgroup}$`, "m"));
      await task.delete();
    });
  });
}

test("a log may have a name that conmon would misread", async () => {
  await using bench = await TaskBench.open();
  const spec = await bench.spec("crun", "echo said");
  const logPath = join(bench.directory, "a:b");
  const task = await bench.create({ ...spec, io: bench.console(spec.id, { logPath }) });
  await task.start();
  await task.wait();
  assert.match(await readFile(logPath, "utf8"), /said/);
});

function withMemory(spec: OciSpec, limit: number): OciSpec {
  return {
    ...spec,
    linux: { ...spec.linux, resources: { ...spec.linux.resources, memory: { limit, swap: limit } } },
  };
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function reopen({ log }: Task): Promise<void> {
  assert.ok(log);
  await log.reopen(new HostPaths().of("test"));
}
