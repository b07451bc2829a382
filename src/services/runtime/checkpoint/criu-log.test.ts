import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { tempDir } from "../../../testing/temp-dir.ts";
import { criuErrors } from "./criu-log.ts";

test("the last errors of criu's log are told without times and places", async () => {
  await using directory = await tempDir();
  const path = join(directory.path, "dump.log");
  assert.equal(await criuErrors(path), "");
  const lines = [
    "(00.000102) Error (criu/rlimit.c:29): rlimit: can't setup",
    "(00.010000) Error (criu/a.c:1): one",
    "(00.010001) Warn  (criu/a.c:2): not this",
    "(00.010002) Error (criu/b.c:12): two (of: three)",
    "Error (criu/cut",
  ];
  await writeFile(path, lines.join("\n"));
  assert.equal(await criuErrors(path), "one; two (of: three)");
});
