import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { cgroupLayout } from "../../../ground/linux/index.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import { removeCgroup } from "./remove-cgroup.ts";

/** Kills a cgroup of memory's hierarchy from a process that a tracer keeps from going on for a while after each kill(2). */
async function killSlowly(directory: string): Promise<void> {
  const script = `
    const { cgroupLayout } = await import(${JSON.stringify(import.meta.resolve("../../../ground/linux/index.ts"))});
    const { killCgroup } = await import(${JSON.stringify(import.meta.resolve("./kill-cgroup.ts"))});
    await killCgroup(await cgroupLayout(), ${JSON.stringify(directory)}, undefined);`;
  const pauseAfterKill = ["-e", "trace=kill", "-e", "inject=kill:delay_exit=500000"];
  const node = [process.execPath, "--input-type=module", "-e", script];
  await promisify(execFile)("strace", ["-f", "-qq", "-o", "/dev/null", ...pauseAfterKill, ...node]);
}

test("no process of a cgroup that is killed sees another one's end, however long one kill comes after the other", async () => {
  const layout = await cgroupLayout();
  assert.ok(layout !== undefined && layout.kind !== "v2", "hierarchies of cgroup v1 are not mounted");
  await using directory = await tempDir();
  const path = `/berth-test-kill-${process.pid}`;
  const cgroups = ["memory", "freezer", "pids"].map((name) => join(layout.v1.get(name) ?? "", path));
  // The kernel lists them, and they would be killed, in the order in which they were born.
  const script = `read -r go; sleep 1000 | (echo ready; read -r none; touch ${directory.path}/ran-on) & wait`;
  const shell = spawn("sh", ["-c", script], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(shell, "exit");
  try {
    for (const cgroup of cgroups) {
      await mkdir(cgroup);
      await writeFile(join(cgroup, "cgroup.procs"), String(shell.pid));
    }
    shell.stdin.end("go\n");
    await once(shell.stdout, "data");
    await killSlowly(cgroups[0] ?? "");
    assert.deepEqual(await ended, [null, "SIGKILL"]);
    await assert.rejects(access(join(directory.path, "ran-on")), { code: "ENOENT" });
  } finally {
    shell.kill("SIGKILL");
    await removeCgroup(layout, path);
  }
});
