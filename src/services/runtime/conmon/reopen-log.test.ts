import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { exists } from "../../../ground/fs/index.ts";
import { HostPaths } from "../../../ground/hostpaths/index.ts";
import { deadFileSystem } from "../../../testing/dead-file-system.ts";
import { smallDisk } from "../../../testing/small-disk.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
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

test("a log on a file system that does not answer any more is not waited for", async () => {
  await using bench = await TaskBench.open();
  const directory = join(bench.directory, "logs");
  await mkdir(directory);
  const task = await speakingTask(bench, join(directory, "log"));
  await using _dead = await deadFileSystem(directory);
  const lookUp = new HostPaths({ answerMs: 100, slowMs: 50 }).of("test");
  await assert.rejects(reopen(task, lookUp), {
    code: "Unavailable",
    message: /log of the host does not respond/,
  });
  const spec = await bench.spec("crun", "exit 0");
  const io = { ...bench.console(spec.id, { logPath: join(directory, "other") }), lookUp };
  await assert.rejects(bench.create({ ...spec, io }), { code: "Unavailable" });
});

test("a link that takes the place of a new log before conmon has opened it is not written through", async () => {
  await using bench = await TaskBench.open();
  const directory = join(bench.directory, "logs");
  await mkdir(directory);
  const [logPath, victim] = [join(directory, "log"), join(bench.directory, "victim")];
  await writeFile(victim, "untouched");
  const task = await speakingTask(bench, logPath);
  await rename(logPath, `${logPath}.1`);
  const monitor = await monitorOf(bench, task);
  process.kill(monitor, "SIGSTOP");
  try {
    const reopened = reopen(task);
    await until(() => exists(join(bench.bundleOf(task), "log.tmp")));
    for (const name of await readdir(directory)) await rm(join(directory, name));
    for (const path of [logPath, `${logPath}.tmp`]) await symlink(victim, path);
    process.kill(monitor, "SIGCONT");
    await reopened;
  } finally {
    process.kill(monitor, "SIGCONT");
  }
  assert.equal(await readFile(victim, "utf8"), "untouched");
});

test("a conmon that was stopped for longer than a rotation waits takes the new log once it goes on", async () => {
  await using bench = await TaskBench.open();
  const logPath = join(bench.directory, "log");
  const task = await speakingTask(bench, logPath);
  await rename(logPath, `${logPath}.1`);
  const monitor = await monitorOf(bench, task);
  process.kill(monitor, "SIGSTOP");
  try {
    await assert.rejects(reopen(task), { code: "DeadlineExceeded" });
  } finally {
    process.kill(monitor, "SIGCONT");
  }
  await says(task, "late", logPath);
  await rename(logPath, `${logPath}.2`);
  await reopen(task);
  await says(task, "after", logPath);
  assert.deepEqual(
    (await readdir(bench.bundleOf(task))).filter((name) => name.startsWith("log")),
    [],
  );
});

test("a rotation that is cut off by conmon's end leaves no new log", async () => {
  await using bench = await TaskBench.open();
  const logPath = join(bench.directory, "log");
  const task = await speakingTask(bench, logPath);
  await rename(logPath, `${logPath}.1`);
  const monitor = await monitorOf(bench, task);
  process.kill(monitor, "SIGSTOP");
  const failed = assert.rejects(reopen(task));
  await until(() => exists(join(bench.bundleOf(task), "log.tmp")));
  process.kill(monitor, "SIGKILL");
  await failed;
  assert.equal(await exists(logPath), false);
});

test("a container whose conmon knows its log by its path, as an earlier berth has made it, has it rotated", async () => {
  await using scripts = await tempDir();
  const [conmonPath, logPath] = [join(scripts.path, "conmon"), join(scripts.path, "log")];
  const changed = `for word; do shift; [ "$word" != k8s-file:log ] || word=k8s-file:${logPath}; set -- "$@" "$word"; done`;
  await writeFile(conmonPath, `#!/bin/sh\n${changed}\nexec /usr/bin/conmon "$@"`, { mode: 0o755 });
  await using bench = await TaskBench.open({ conmonPath });
  const made = await speakingTask(bench, logPath);
  const path = join(bench.bundleOf(made), "task.json");
  const { logIsOffered: _, ...record } = JSON.parse(await readFile(path, "utf8"));
  await writeFile(path, JSON.stringify(record));
  await bench.restart();
  const task = await bench.attach("crun", made);
  await says(task, "before", logPath);
  await rename(logPath, `${logPath}.1`);
  await reopen(task);
  await says(task, "after", logPath);
  assert.deepEqual((await readdir(scripts.path)).toSorted(), ["conmon", "log", "log.1"]);
  await task.delete();
});

async function monitorOf(bench: TaskBench, task: Task): Promise<number> {
  return Number(await readFile(join(bench.bundleOf(task), "conmon.pid"), "utf8"));
}

async function reopen({ log }: Task, lookUp = new HostPaths().of("test")): Promise<void> {
  assert.ok(log);
  await log.reopen(lookUp);
}
