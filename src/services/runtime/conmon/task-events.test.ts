import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { HostPaths } from "../../../ground/hostpaths/index.ts";
import { PublishedEvents } from "../../../testing/published.ts";
import { RuntimeError } from "../runtime-error.ts";
import type { Command } from "../tasks.ts";
import { TaskBench } from "../testing/task-bench.ts";

for (const handler of ["crun", "runc"]) {
  describe(`events of a task with ${handler}`, () => {
    test("tell its life in order, its exit and its deletion before who waits is answered", async () => {
      const events = new PublishedEvents();
      await using bench = await TaskBench.open({ events });
      const task = await bench.create(await bench.spec(handler, "exit 3"));
      const containerId = task.id;
      const state = task.state();
      assert.ok(state.kind === "created");
      const { pid } = state;
      const told = task.wait().then(() => events.take());
      await task.start();
      const [created, ...others] = await told;
      assert.deepEqual(created, [
        "/tasks/create",
        "moby",
        {
          containerId,
          pid,
          bundleDir: bench.bundleOf(task),
          terminal: false,
          asked: undefined,
          checkpoint: undefined,
        },
      ]);
      const { exitCode, finishedAtNs: exitedAtNs } = await task.wait();
      assert.deepEqual(others, [
        ["/tasks/start", "moby", { containerId, pid }],
        ["/tasks/exit", "moby", { id: containerId, containerId, pid, exitCode, exitedAtNs }],
      ]);
      assert.equal(exitCode, 3);
      await Promise.all([task.delete(), task.delete()]);
      assert.deepEqual(events.take(), [
        ["/tasks/delete", "moby", { containerId, pid, exitCode, exitedAtNs }],
      ]);
    });

    test("tell of one that is deleted while it runs that it has exited, first", async () => {
      const events = new PublishedEvents();
      await using bench = await TaskBench.open({ events });
      const task = await bench.run(handler, "exec sleep 1000");
      await task.delete();
      assert.deepEqual(events.topics(), ["/tasks/create", "/tasks/start", "/tasks/exit", "/tasks/delete"]);
    });

    test("tell of an exit once, though the task was at first not found again for want of something", async () => {
      const events = new PublishedEvents();
      await using bench = await TaskBench.open({ events, checkIntervalMs: 20 });
      const task = await bench.run(handler, "exec sleep 1000");
      await bench.restart();
      const obstacle = join(bench.bundleOf(task), "exec-obstacle");
      await writeFile(obstacle, "");
      await assert.rejects(bench.attach(handler, task), { code: "ENOTDIR" });
      await rm(obstacle);
      const again = await bench.attach(handler, task);
      events.take();
      await again.kill(9);
      await again.wait();
      // That its conmon is gone is found by looking at all tasks, the earlier ones first.
      const other = await bench.run(handler, "exec sleep 1000");
      process.kill(Number(await readFile(join(bench.bundleOf(other), "conmon.pid"), "utf8")), "SIGKILL");
      await other.kill(9);
      await other.wait();
      const ends = events.take().filter(([topic]) => topic === "/tasks/exit");
      assert.deepEqual(
        ends.map(([, , event]) => (event as { readonly containerId: string }).containerId),
        [task.id, other.id],
      );
    });

    test("tell of one whose start fails that it has exited, and not that it was started", async () => {
      const events = new PublishedEvents();
      await using bench = await TaskBench.open({ events });
      const task = await bench.create(await bench.spec(handler, "exec sleep 1000"));
      await bench.forget(handler, task);
      await assert.rejects(task.start(), RuntimeError);
      await task.delete();
      assert.deepEqual(events.topics(), ["/tasks/create", "/tasks/exit", "/tasks/delete"]);
    });
  });
}

test("a pause and what ends it are published, each once", async () => {
  const events = new PublishedEvents();
  await using bench = await TaskBench.open({ events });
  const task = await bench.run("crun", "exec sleep 1000");
  events.take();
  await task.pause();
  await task.resume();
  await task.resume();
  const event = { containerId: task.id };
  assert.deepEqual(events.take(), [
    ["/tasks/paused", "moby", event],
    ["/tasks/resumed", "moby", event],
  ]);
});

test("a command with an id is published as it is added, started and ended, one of ExecSync is not", async () => {
  const events = new PublishedEvents();
  await using bench = await TaskBench.open({ events });
  const task = await bench.run("crun", "exec sleep 1000");
  const containerId = task.id;
  events.take();
  const io = {
    kind: "client",
    terminal: false,
    stdin: undefined,
    output: { kind: "fifos", stdout: undefined, stderr: undefined },
    lookUp: new HostPaths().of("test"),
  } as const;
  const command = (id: string, ...args: readonly string[]): Command => ({
    id,
    process: { kind: "likeFirst", args },
    io,
  });
  const process = await task.exec(command("quick", "/bin/sh", "-c", "exit 7"));
  await assert.rejects(task.exec(command("quick", "true")), { code: "AlreadyExists" });
  const told = process.wait().then(() => events.take());
  await process.start();
  const [added, started, exited, ...others] = await told;
  assert.deepEqual(added, ["/tasks/exec-added", "moby", { containerId, execId: "quick" }]);
  const pid = started !== undefined && "pid" in started[2] ? started[2].pid : 0;
  assert.ok(pid > 0);
  assert.deepEqual(started, ["/tasks/exec-started", "moby", { containerId, execId: "quick", pid }]);
  const { finishedAtNs: exitedAtNs } = await process.wait();
  assert.deepEqual(exited, [
    "/tasks/exit",
    "moby",
    { id: "quick", containerId, pid, exitCode: 7, exitedAtNs },
  ]);
  assert.deepEqual(others, []);
  await process.delete();
  const missing = await task.exec(command("missing", "/no/such/program"));
  await assert.rejects(missing.start());
  await missing.delete();
  await task.execSync({ args: ["true"], timeoutMs: 0 });
  assert.deepEqual(events.take(), [["/tasks/exec-added", "moby", { containerId, execId: "missing" }]]);
});
