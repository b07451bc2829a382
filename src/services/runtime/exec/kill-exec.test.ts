import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { cgroupLayout } from "../../../ground/linux/index.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import { until } from "../../../testing/until.ts";
import { killCgroup } from "../cgroups/kill-cgroup.ts";
import { removeCgroup } from "../cgroups/remove-cgroup.ts";

/**
 * Kills a command from a process that a tracer holds up before each kill(2): what was found has forked and
 * ended by then.
 */
async function killLate(pid: number, directory: string, mark: string): Promise<void> {
  const module = (name: string) => JSON.stringify(import.meta.resolve(name));
  const script = `
    const { cgroupLayout } = await import(${module("../../../ground/linux/index.ts")});
    const { ContainerFreezer } = await import(${module("../cgroups/container-freezer.ts")});
    const { killExec } = await import(${module("./kill-exec.ts")});
    const directory = ${JSON.stringify(directory)};
    const freezer = new ContainerFreezer(await cgroupLayout(), directory, ${JSON.stringify(mark)});
    await killExec(undefined, ${pid}, { directory, freezer });`;
  const late = ["-e", "trace=kill", "-e", "inject=kill:delay_enter=300000"];
  const node = [process.execPath, "--input-type=module", "-e", script];
  await promisify(execFile)("strace", ["-f", "-qq", "-o", "/dev/null", ...late, ...node]);
}

test("a command's processes that fork and end faster than they can be killed are ended, and nothing stays frozen", async () => {
  const layout = await cgroupLayout();
  assert.ok(layout !== undefined && layout.kind !== "v2", "hierarchies of cgroup v1 are not mounted");
  await using directory = await tempDir();
  const path = `/berth-test-kill-exec-${process.pid}`;
  const cgroups = ["memory", "freezer", "pids"].map((name) => join(layout.v1.get(name) ?? "", path));
  const [memory = "", freezer = ""] = cgroups;
  const hops = join(directory.path, "hops");
  const script = `read -r go; hop() { echo >> ${hops}; hop & exit; }; hop & exec sleep 1000`;
  const shell = spawn("sh", ["-c", script], { stdio: ["pipe", "ignore", "inherit"], detached: true });
  const ended = once(shell, "exit");
  const written = async () => (await stat(hops).catch(() => undefined))?.size ?? 0;
  try {
    for (const cgroup of cgroups) {
      await mkdir(cgroup);
      await writeFile(join(cgroup, "cgroup.procs"), String(shell.pid));
    }
    shell.stdin.end("go\n");
    await until(async () => (await written()) > 10);
    await killLate(shell.pid ?? 0, memory, join(directory.path, "still"));
    assert.deepEqual(await ended, [null, "SIGKILL"]);
    await until(async () => (await readFile(join(memory, "cgroup.procs"), "utf8")) === "");
    assert.equal(await readFile(join(freezer, "freezer.state"), "utf8"), "THAWED\n");
  } finally {
    await killCgroup(layout, memory, undefined);
    await removeCgroup(layout, path);
  }
});
