import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { link, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { tempDir } from "../../testing/temp-dir.ts";
import { diskUsage } from "./disk-usage.ts";
import { smallUsage } from "./small-tree.ts";
import { TreeMeter } from "./tree-meter.ts";

/** A few files in some directories, with all that one may count wrongly. */
async function smallTree(root: string): Promise<string> {
  const tree = join(root, "small");
  await mkdir(join(tree, "etc/below"), { recursive: true });
  await writeFile(join(tree, "etc/hosts"), "127.0.0.1 localhost");
  await writeFile(join(tree, "etc/below/large"), Buffer.alloc(100_000));
  await link(join(tree, "etc/below/large"), join(tree, "again"));
  await symlink("/usr", join(tree, "elsewhere"));
  await writeFile(Buffer.from(`${tree}/not UTF-8 \xff`, "latin1"), "x");
  return tree;
}

async function largeTree(root: string): Promise<string> {
  const tree = join(root, "large");
  await mkdir(join(tree, "directory"), { recursive: true });
  for (let file = 0; file < 100; file++) await writeFile(join(tree, "directory", String(file)), "x");
  return tree;
}

const threads = () =>
  readdirSync("/proc/self/task").filter(
    (id) => readFileSync(`/proc/self/task/${id}/comm`, "utf8").trim() === "snapshots",
  );

test("a small tree is measured as a thread would, and none is started for it", async () => {
  await using root = await tempDir();
  const tree = await smallTree(root.path);
  await using meter = new TreeMeter();
  const usages = await Promise.all(Array.from({ length: 20 }, () => meter.usage(tree)));
  for (const usage of usages) assert.deepEqual(usage, diskUsage(tree));
  assert.deepEqual(threads(), []);
});

test("a large tree is measured by a thread, which takes small ones then too", async () => {
  await using root = await tempDir();
  const [small, large] = [await smallTree(root.path), await largeTree(root.path)];
  assert.equal(await smallUsage(large), undefined);
  await using meter = new TreeMeter();
  assert.deepEqual(await meter.usage(large), diskUsage(large));
  assert.equal(threads().length, 1);
  assert.deepEqual(await meter.usage(small), diskUsage(small));
});

test("of a tree that is gone is told what was to be measured", async () => {
  await using root = await tempDir();
  const tree = await smallTree(root.path);
  await rm(tree, { recursive: true });
  await using meter = new TreeMeter();
  await assert.rejects(meter.usage(tree), { name: "SnapshotError", code: "NotFound", message: /small/ });
});
