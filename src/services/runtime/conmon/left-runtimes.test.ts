import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { killProcessTree } from "../../../ground/linux/index.ts";
import { until } from "../../../testing/until.ts";
import { TaskBench, tracesOf } from "../testing/task-bench.ts";

/** A command of an OCI runtime that hangs, as a daemon leaves it that is killed: nobody's child. */
async function leave(
  bundleDir: string,
  id: string,
  command: string,
  { log = command, by = ["bash", "-c"] }: { readonly log?: string; readonly by?: readonly string[] } = {},
) {
  const script = `exec -a crun sh -c 'kill -STOP $$' x --root /nowhere --log ${bundleDir}/${log}.log ${command} ${id}`;
  const [program = "", ...args] = [...by, `(${script}) >/dev/null 2>&1 &`];
  const parent = spawn(program, args, { stdio: "ignore" });
  await once(parent, "exit");
  await until(async () => (await hanging(id, command)).length === 1);
  const [pid] = await hanging(id, command);
  return { [Symbol.asyncDispose]: () => killProcessTree(Number(pid)) };
}

/** Their pids. */
async function hanging(id: string, command: string): Promise<readonly string[]> {
  return (await tracesOf(id)).flatMap((trace) => {
    const [, pid, text = ""] = /^process (\d+): (.*)$/.exec(trace) ?? [];
    return pid !== undefined && text.includes(`.log ${command} ${id}`) ? [pid] : [];
  });
}

test("a creation that hangs goes with its container, though its daemon and its conmon are gone", async () => {
  await using bench = await TaskBench.open();
  const { id, bundleDir, cgroup } = await bench.spec("crun", "");
  const gone = spawn("true");
  await once(gone, "exit");
  await writeFile(join(bundleDir, "conmon.pid"), String(gone.pid));
  await writeFile(join(bundleDir, "config.json"), "{}");
  await using _left = await leave(bundleDir, id, "create");
  await bench.tasks.remove({ id, handler: "crun", bundleDir, cgroup });
  await until(async () => (await tracesOf(id)).length === 0);
  assert.deepEqual(await readdir(bundleDir), []);
});

for (const command of ["delete", "kill", "update"]) {
  test(`the command ${command} that hangs ends when its task is taken up, which goes on`, async () => {
    await using bench = await TaskBench.open();
    const task = await bench.run("crun", "sleep 1000");
    await using _left = await leave(bench.bundleOf(task), task.id, command);
    await bench.restart();
    const again = await bench.attach("crun", task);
    assert.deepEqual(await hanging(task.id, command), []);
    assert.equal(again.state().kind, "running");
    await again.delete();
  });
}

test("what is another's is left alone: a container that was only created, a checkpoint, other logs", async () => {
  await using bench = await TaskBench.open();
  const spec = await bench.spec("crun", "echo started; sleep 1000");
  const task = await bench.create(spec);
  const others = await bench.spec("crun", "");
  await using _others = await leave(others.bundleDir, others.id, "delete");
  await using _checkpoint = await leave(spec.bundleDir, task.id, "checkpoint");
  await using _otherLog = await leave(spec.bundleDir, task.id, "state", { log: "other" });
  await bench.restart();
  const again = await bench.attach("crun", task);
  for (const [id, command] of [
    [others.id, "delete"],
    [task.id, "checkpoint"],
    [task.id, "state"],
  ] as const) {
    assert.equal((await hanging(id, command)).length, 1, command);
  }
  await again.start();
  await bench.logged(task, "started");
  await again.delete();
});

test("a look at the processes that failed is taken again for the next task", async () => {
  const script = `
    import { closeSync, openSync } from "node:fs";
    import { LeftRuntimes } from ${JSON.stringify(new URL("left-runtimes.ts", import.meta.url))};
    const left = new LeftRuntimes();
    const look = () => left.endFor({ bundleDir: "/nowhere" }, true).then(() => "looked", (error) => error.code);
    const fds = [];
    for (let isFull = false; !isFull; )
      try { fds.push(openSync("/dev/null")); } catch { isFull = true; }
    const first = await look();
    for (const fd of fds) closeSync(fd);
    console.log(first, await look());`;
  const args = ["--nofile=100", process.execPath, "--input-type=module", "--eval", script];
  const { stdout } = await promisify(execFile)("prlimit", args);
  assert.equal(stdout, "EMFILE looked\n");
});

const apart = ["unshare", "--mount", "--propagation", "private", "bash", "-c"];

test("a command of another daemon is left alone, which has the same paths in a mount namespace of its own", async () => {
  await using bench = await TaskBench.open();
  const task = await bench.run("crun", "sleep 1000");
  await using _left = await leave(bench.bundleOf(task), task.id, "delete", { by: apart });
  await bench.restart();
  const again = await bench.attach("crun", task);
  assert.equal((await hanging(task.id, "delete")).length, 1);
  await again.delete();
});

test("nor is a conmon of such a daemon ended in place of one that has not written its pid yet", async () => {
  await using bench = await TaskBench.open();
  const { id, bundleDir, cgroup } = await bench.spec("crun", "");
  await writeFile(join(bundleDir, "config.json"), "{}");
  const words = `--cid ${id} --bundle ${bundleDir}`;
  const [program = "", ...args] = [...apart, `exec -a conmon sh -c 'kill -STOP $$' x ${words}`];
  const conmon = spawn(program, args, { stdio: "ignore" });
  const isThere = async () => (await tracesOf(id)).some((trace) => trace.includes(words));
  try {
    await until(isThere);
    await bench.tasks.remove({ id, handler: "crun", bundleDir, cgroup });
    assert.ok(await isThere());
  } finally {
    conmon.kill("SIGKILL");
  }
});
