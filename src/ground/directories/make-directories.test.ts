import assert from "node:assert/strict";
import { mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { tempDir } from "../../testing/temp-dir.ts";
import { mount, mountFlags, unmount } from "../linux/index.ts";
import { makeDirectories, makeDirectoriesNow } from "./make-directories.ts";

test("directories are made with those above them, and not below a file", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "one", "two", "three");
  await makeDirectories(path, 0o700);
  await makeDirectories(path, 0o700);
  assert.equal((await stat(path)).mode & 0o777, 0o700);
  await writeFile(join(dir.path, "file"), "");
  await assert.rejects(makeDirectories(join(dir.path, "file", "below"), 0o700), { code: "ENOTDIR" });
});

test("directories are made at once, and the kernel's error is told where it refuses them", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "one", "two");
  makeDirectoriesNow(path, 0o700);
  makeDirectoriesNow(path, 0o700);
  assert.equal((await stat(path)).mode & 0o777, 0o700);
  const readOnly = join(dir.path, "read-only");
  await mkdir(readOnly);
  await using undo = new AsyncDisposableStack();
  await mount({ source: "test", target: readOnly, type: "tmpfs", flags: mountFlags.readonly });
  undo.defer(() => unmount(readOnly, { detach: true }));
  for (const refused of [join(readOnly, "one"), join(readOnly, "one", "two")]) {
    assert.throws(() => makeDirectoriesNow(refused, 0o700), { code: "EROFS" });
    await assert.rejects(makeDirectories(refused, 0o700), { code: "EROFS" });
  }
});
