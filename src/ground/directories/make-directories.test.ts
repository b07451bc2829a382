import assert from "node:assert/strict";
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { tempDir } from "../../testing/temp-dir.ts";
import { makeDirectories } from "./make-directories.ts";

test("directories are made with those above them, and not below a file", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "one", "two", "three");
  await makeDirectories(path, 0o700);
  await makeDirectories(path, 0o700);
  assert.equal((await stat(path)).mode & 0o777, 0o700);
  await writeFile(join(dir.path, "file"), "");
  await assert.rejects(makeDirectories(join(dir.path, "file", "below"), 0o700), { code: "ENOTDIR" });
});
