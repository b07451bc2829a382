import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { cgroupLayout } from "../../../ground/linux/index.ts";
import { hasCgroup, removeCgroup } from "./remove-cgroup.ts";

test("a cgroup goes in every hierarchy, with what runs in it or is frozen", async () => {
  const layout = await cgroupLayout();
  assert.ok(layout !== undefined && layout.kind !== "v2", "hierarchies of cgroup v1 are not mounted");
  const path = `/berth-test-remove-${process.pid}/container`;
  const sleeper = spawn("sleep", ["1000"]);
  const ended = once(sleeper, "exit");
  try {
    const directories = ["memory", "freezer"].map((name) => join(layout.v1.get(name) ?? "", path));
    for (const directory of directories) {
      await mkdir(directory, { recursive: true });
      await writeFile(join(directory, "cgroup.procs"), String(sleeper.pid));
    }
    await writeFile(join(layout.v1.get("freezer") ?? "", path, "freezer.state"), "FROZEN");
    assert.equal(await hasCgroup(layout, path), true);
    await removeCgroup(layout, path);
    assert.equal(await hasCgroup(layout, path), false);
    assert.deepEqual(await ended, [null, "SIGKILL"]);
    for (const directory of directories) await assert.rejects(access(directory), { code: "ENOENT" });
  } finally {
    await removeCgroup(layout, join(path, ".."));
  }
});
