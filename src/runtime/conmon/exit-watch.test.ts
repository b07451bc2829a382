import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createLogger } from "../../logging/index.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { ExitWatch } from "./exit-watch.ts";

const logger = createLogger({ level: "silent", format: "json" });

test("each exit file is told to the listener of its name", async () => {
  await using directory = await tempDir();
  using watch = new ExitWatch(directory.path, logger);
  const a = Promise.withResolvers<void>();
  watch.add("a", a.resolve);
  watch.add("b", () => assert.fail("b has no exit file"));
  await writeFile(join(directory.path, "a"), "0");
  await a.promise;
});

test("a scan tells of exit files that were there before anyone listened", async () => {
  await using directory = await tempDir();
  await writeFile(join(directory.path, "a"), "0");
  using watch = new ExitWatch(directory.path, logger);
  const told: string[] = [];
  watch.add("a", () => told.push("a"));
  watch.add("b", () => told.push("b"));
  await watch.scan();
  assert.deepEqual(told, ["a"]);
});
