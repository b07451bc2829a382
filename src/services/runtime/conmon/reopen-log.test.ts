import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { smallDisk } from "../../../testing/small-disk.ts";
import { until } from "../../../testing/until.ts";
import type { Task } from "../tasks.ts";
import { TaskBench } from "../testing/task-bench.ts";

/** Prints what is written into its /tmp/say. */
const speaker = "while :; do [ -e /tmp/say ] && cat /tmp/say && rm /tmp/say; sleep 0.02; done";

async function speakingTask(bench: TaskBench, logPath: string): Promise<Task> {
  const spec = await bench.spec("crun", speaker);
  const task = await bench.create({ ...spec, io: bench.console(spec.id, { logPath }) });
  await task.start();
  return task;
}

async function says(task: Task, text: string, logPath: string): Promise<void> {
  const script = `echo ${text} > /tmp/new && mv /tmp/new /tmp/say`;
  assert.equal((await task.execSync({ args: ["/bin/sh", "-c", script], timeoutMs: 0 })).exitCode, 0);
  await until(async () => (await readFile(logPath, "utf8")).includes(text));
}

test("a log for whose next file there is no inode is not rotated; the container goes on with the old one", async () => {
  await using disk = await smallDisk(1 << 20, 3);
  await using bench = await TaskBench.open();
  const logPath = join(disk.path, "log");
  const task = await speakingTask(bench, logPath);
  await says(task, "before", logPath);
  await rename(logPath, `${logPath}.1`);
  await writeFile(join(disk.path, "the-last-inode"), "");
  await assert.rejects(reopen(task), {
    code: "ResourceExhausted",
    message: /keeps writing to the old/,
  });
  await says(task, "meanwhile", `${logPath}.1`);
  await rm(join(disk.path, "the-last-inode"));
  await reopen(task);
  await says(task, "after", logPath);
  assert.deepEqual((await readdir(disk.path)).toSorted(), ["log", "log.1"]);
  await task.delete();
});

test("a log whose directory is gone is an error that says so, and is made once the directory is there", async () => {
  await using bench = await TaskBench.open();
  const directory = join(bench.directory, "logs");
  const logPath = join(directory, "log");
  await mkdir(directory);
  const task = await speakingTask(bench, logPath);
  await rm(directory, { recursive: true });
  await assert.rejects(reopen(task), { code: "FailedPrecondition", message: /its directory is gone/ });
  await mkdir(directory);
  await reopen(task);
  await says(task, "again", logPath);
});

test("what lies where conmon makes the next file of a log is not written to", async () => {
  await using bench = await TaskBench.open();
  const logPath = join(bench.directory, "log");
  const victim = join(bench.directory, "victim");
  await writeFile(victim, "untouched");
  const task = await speakingTask(bench, logPath);
  await rename(logPath, `${logPath}.1`);
  await symlink(victim, `${logPath}.tmp`);
  await reopen(task);
  await says(task, "after", logPath);
  assert.equal(await readFile(victim, "utf8"), "untouched");
});

async function reopen({ log }: Task): Promise<void> {
  assert.ok(log);
  await log.reopen();
}
