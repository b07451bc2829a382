import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { cgroupLayout } from "../../../ground/linux/index.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import { until } from "../../../testing/until.ts";
import { removeCgroup } from "./remove-cgroup.ts";

/**
 * Kills a cgroup of memory's hierarchy from a process that a tracer keeps from going on for a while after
 * each kill(2).
 */
async function killSlowly(directory: string, init?: number): Promise<void> {
  const script = `
    const { cgroupLayout } = await import(${JSON.stringify(import.meta.resolve("../../../ground/linux/index.ts"))});
    const { killCgroup } = await import(${JSON.stringify(import.meta.resolve("./kill-cgroup.ts"))});
    await killCgroup(await cgroupLayout(), ${JSON.stringify(directory)}, ${init});`;
  const pauseAfterKill = ["-e", "trace=kill", "-e", "inject=kill:delay_exit=500000"];
  const node = [process.execPath, "--input-type=module", "-e", script];
  await promisify(execFile)("strace", ["-f", "-qq", "-o", "/dev/null", ...pauseAfterKill, ...node]);
}

/** Waits for a word, and then for the end of another process, upon which it would leave a file. */
const watchful = (file: string) =>
  `read -r go; sleep 1000 | (echo ready; read -r none; touch ${file}) & wait`;

test("no process of a cgroup that is killed sees another one's end, however long one kill comes after the other", async () => {
  await using watched = await watchfulCgroup();
  await killSlowly(watched.memory);
  assert.deepEqual(await watched.ended, [null, "SIGKILL"]);
  await assert.rejects(access(watched.file), { code: "ENOENT" });
});

test("nor does one of a PID namespace whose first process, with which the kernel ends all, takes its time to end", async () => {
  await using watched = await watchfulCgroup();
  const { layout, path, shell } = watched;
  // Frozen in a cgroup of its own, where it stays when the other is thawed.
  const slow = join(layout.v1.get("freezer") ?? "", `${path}-slow`);
  await mkdir(slow);
  try {
    await writeFile(join(slow, "cgroup.procs"), String(shell.pid));
    await writeFile(join(slow, "freezer.state"), "FROZEN");
    const killed = killSlowly(watched.memory, shell.pid);
    const pids = async () => (await readFile(join(watched.memory, "cgroup.procs"), "utf8")).trim();
    await until(async () => (await pids()) === String(shell.pid));
    await writeFile(join(slow, "freezer.state"), "THAWED");
    await killed;
    assert.deepEqual(await watched.ended, [null, "SIGKILL"]);
    await assert.rejects(access(watched.file), { code: "ENOENT" });
  } finally {
    await writeFile(join(slow, "freezer.state"), "THAWED");
    shell.kill("SIGKILL");
    await watched.ended;
    await rmdir(slow);
  }
});

/**
 * Cgroups of v1 with a shell and what it has started. The kernel lists them, and they would be killed, in the
 * order in which they were born.
 */
async function watchfulCgroup() {
  const layout = await cgroupLayout();
  assert.ok(layout !== undefined && layout.kind !== "v2", "hierarchies of cgroup v1 are not mounted");
  await using undo = new AsyncDisposableStack();
  const directory = undo.use(await tempDir());
  const path = `/berth-test-kill-${process.pid}`;
  const cgroups = ["memory", "freezer", "pids"].map((name) => join(layout.v1.get(name) ?? "", path));
  const file = join(directory.path, "ran-on");
  const shell = spawn("sh", ["-c", watchful(file)], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(shell, "exit");
  undo.defer(() => removeCgroup(layout, path));
  undo.defer(() => void shell.kill("SIGKILL"));
  for (const cgroup of cgroups) {
    await mkdir(cgroup);
    await writeFile(join(cgroup, "cgroup.procs"), String(shell.pid));
  }
  shell.stdin.end("go\n");
  await once(shell.stdout, "data");
  const made = undo.move();
  const memory = cgroups[0] ?? "";
  return { layout, path, memory, file, shell, ended, [Symbol.asyncDispose]: () => made.disposeAsync() };
}
