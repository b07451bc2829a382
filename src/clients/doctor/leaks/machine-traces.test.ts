import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { parseConfig } from "../../../ground/config/index.ts";
import { cgroupLayout, mount, unmount } from "../../../ground/linux/index.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import { machineTraces } from "./machine-traces.ts";

test("mounts, directories and cgroups are found by the id in their paths, with what takes them away", async () => {
  const layout = await cgroupLayout();
  assert.ok(layout !== undefined, "no control groups are mounted");
  const hierarchy = layout.kind === "v2" ? layout.v2.mountPoint : layout.v1.get("memory");
  const [pod, container] = [randomBytes(32).toString("hex"), randomBytes(32).toString("hex")];
  const parent = join(hierarchy ?? "", `berth-test-leaks-${process.pid}`);
  const cgroup = join(parent, `crio-${container}.scope`);
  await using directory = await tempDir();
  await using undo = new AsyncDisposableStack();
  const sandbox = join(directory.path, "sandboxes", pod);
  const bundle = join(directory.path, "containers", container);
  for (const path of [sandbox, bundle]) await mkdir(path, { recursive: true });
  await mkdir(parent);
  undo.defer(() => rmdir(parent));
  await mkdir(cgroup);
  undo.defer(() => rmdir(cgroup));
  await mount({ source: "tmpfs", target: sandbox, type: "tmpfs" });
  undo.defer(() => unmount(sandbox));
  const traces = await machineTraces(parseConfig(`state = "${directory.path}"`, "test"));
  const ours = traces.filter(({ ids }) => ids.includes(pod) || ids.includes(container));
  assert.deepEqual(
    ours.map(({ kind, where, removal }) => [kind, where.replace(/\/$/, ""), removal.split(" ")[0]]),
    [
      ["mounts", sandbox, "umount"],
      ["directories", sandbox, "rm"],
      ["directories", bundle, "rm"],
      ["cgroups", cgroup, "rmdir"],
    ],
  );
});
