import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { HostPaths } from "../../../ground/hostpaths/index.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import { openForAppending } from "./output-file.ts";

test("a file for output is made with the directories above it, and appended to", async () => {
  await using directory = await tempDir();
  const path = join(directory.path, "logs", "today", "out");
  for (const line of ["one\n", "two\n"]) {
    await using file = await openForAppending(path, new HostPaths().of("test"));
    await file.writeFile(line);
  }
  assert.equal(await readFile(path, "utf8"), "one\ntwo\n");
});

test("a file where the kernel has no place for a directory is refused", async () => {
  const lookUp = new HostPaths().of("test");
  await assert.rejects(openForAppending("/proc/nosuch/out", lookUp), {
    code: "InvalidArgument",
    message: /ENOENT/,
  });
});
