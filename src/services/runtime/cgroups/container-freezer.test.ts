import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { cgroupLayout } from "../../../ground/linux/index.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import { ContainerFreezer } from "./container-freezer.ts";
import { removeCgroup } from "./remove-cgroup.ts";

/** A cgroup with one process, and its freezer. */
async function frozenCgroup(directory: string) {
  const layout = await cgroupLayout();
  assert.ok(layout !== undefined && layout.kind !== "v2", "hierarchies of cgroup v1 are not mounted");
  const path = `/berth-test-freezer-${process.pid}`;
  const [memory = "", freezer = ""] = ["memory", "freezer"].map((name) =>
    join(layout.v1.get(name) ?? "", path),
  );
  const sleep = spawn("sleep", ["1000"]);
  const ended = once(sleep, "exit");
  for (const cgroup of [memory, freezer]) {
    await mkdir(cgroup);
    await writeFile(join(cgroup, "cgroup.procs"), String(sleep.pid));
  }
  const file = join(freezer, "freezer.state");
  return {
    open: () => new ContainerFreezer(layout, memory, join(directory, "still")),
    state: async () => (await readFile(file, "utf8")).trim(),
    pause: () => writeFile(file, "FROZEN"),
    [Symbol.asyncDispose]: async () => {
      await writeFile(file, "THAWED");
      sleep.kill("SIGKILL");
      await ended;
      await removeCgroup(layout, path);
    },
  };
}

test("a container is still for a moment; one that is paused stays paused, and a pause waits for the moment's end", async () => {
  await using directory = await tempDir();
  await using cgroup = await frozenCgroup(directory.path);
  const freezer = cgroup.open();
  const order: string[] = [];
  const still = freezer.still(async () => {
    order.push(await cgroup.state());
  });
  const pause = freezer.alone(async () => {
    order.push(await cgroup.state());
    await cgroup.pause();
  });
  await Promise.all([still, pause]);
  assert.deepEqual(order, ["FROZEN", "THAWED"]);
  await freezer.still(async () => undefined);
  assert.equal(await cgroup.state(), "FROZEN");
  assert.deepEqual(await readdir(directory.path), []);
});

test("a container that was still when its daemon was killed goes on with the next one, one that is paused does not", async () => {
  await using directory = await tempDir();
  await using cgroup = await frozenCgroup(directory.path);
  await cgroup.open().still(async () => {
    await cgroup.open().recover();
    assert.equal(await cgroup.state(), "THAWED");
  });
  await cgroup.pause();
  await cgroup.open().recover();
  assert.equal(await cgroup.state(), "FROZEN");
});
