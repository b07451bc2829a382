import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { cgroupLayout } from "../../../ground/linux/index.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import { cgroupProcesses } from "./cgroup-processes.ts";
import { killCgroup } from "./kill-cgroup.ts";

test("the processes of a cgroup are those in it and below it; one that cannot be seen from here, listed as 0, is none", async () => {
  await using directory = await tempDir();
  await mkdir(join(directory.path, "below"));
  await writeFile(join(directory.path, "cgroup.procs"), "0\n123\n");
  await writeFile(join(directory.path, "below", "cgroup.procs"), "0\n456\n");
  assert.deepEqual(await cgroupProcesses(directory.path), [123, 456]);
  assert.deepEqual(await cgroupProcesses(join(directory.path, "gone")), []);
});

test("a cgroup with a threaded one below it, which lists no processes, can be listed and killed", async () => {
  const layout = await cgroupLayout();
  assert.ok(layout !== undefined && layout.kind !== "v1", "cgroup2 is not mounted");
  const directory = join(layout.v2.mountPoint, `berth-test-threaded-${process.pid}`);
  const threaded = join(directory, "threads");
  const sleeper = spawn("sleep", ["1000"]);
  const ended = once(sleeper, "exit");
  try {
    await mkdir(threaded, { recursive: true });
    await writeFile(join(directory, "cgroup.procs"), String(sleeper.pid));
    await writeFile(join(threaded, "cgroup.type"), "threaded");
    await writeFile(join(threaded, "cgroup.threads"), String(sleeper.pid));
    assert.deepEqual(new Set(await cgroupProcesses(directory)), new Set([sleeper.pid]));
    assert.deepEqual(await cgroupProcesses(threaded), [sleeper.pid]);
    // The unified hierarchy's own rules, whatever else is mounted here.
    await killCgroup({ kind: "v2", v2: layout.v2 }, directory, undefined);
    assert.deepEqual(await ended, [null, "SIGKILL"]);
  } finally {
    sleeper.kill("SIGKILL");
    await ended;
    for (const path of [threaded, directory]) await rmdir(path);
  }
});
