import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { tempDir } from "../../testing/temp-dir.ts";
import { bindMount, unmount } from "../linux/index.ts";
import { removeNow } from "./index.ts";

test("a directory of few files and empty directories goes at once, and one that is not there is gone", async () => {
  await using directory = await tempDir();
  const path = join(directory.path, "bundle");
  await mkdir(join(path, "empty"), { recursive: true });
  await writeFile(join(path, "config.json"), "{}");
  assert.equal(removeNow(path), true);
  assert.equal(existsSync(path), false);
  assert.equal(removeNow(path), true);
});

test("what lies deeper, or behind a mount point, is left to others", async () => {
  await using directory = await tempDir();
  const path = join(directory.path, "bundle");
  const others = join(directory.path, "others");
  await mkdir(join(path, "a", "b"), { recursive: true });
  await mkdir(others);
  await writeFile(join(others, "kept"), "");
  assert.equal(removeNow(path), false);
  assert.equal(existsSync(join(path, "a", "b")), true);
  for (const point of [path, join(path, "a")]) {
    await bindMount(others, point);
    try {
      assert.equal(removeNow(path), false, point);
    } finally {
      await unmount(point);
    }
  }
  assert.equal(existsSync(join(others, "kept")), true);
});
