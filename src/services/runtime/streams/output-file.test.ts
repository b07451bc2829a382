import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
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

test("a file whose directory cannot be made is refused", async () => {
  await using directory = await tempDir();
  const file = join(directory.path, "file");
  await writeFile(file, "");
  await assert.rejects(openForAppending(join(file, "below", "out"), new HostPaths().of("test")), {
    code: "InvalidArgument",
    message: /ENOTDIR/,
  });
});
