import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { createLogger } from "../../../ground/logging/index.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
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

/**
 * Watches a directory in a process whose user may have no inotify instance, until the exit of "a" is told.
 */
const withoutInotify = `
  const { ExitWatch } = await import(${JSON.stringify(new URL("exit-watch.ts", import.meta.url).href)});
  const logger = { warn: (fields, text) => console.log(fields.err.code, text), error: console.error };
  const watch = new ExitWatch(process.argv[1], logger);
  const alive = setInterval(() => undefined, 1000);
  watch.add("a", () => { console.log("told"); clearInterval(alive); watch[Symbol.dispose](); });
  console.log("watching");
`;

test("without an inotify instance left exit files are found by looking", async () => {
  await using directory = await tempDir();
  // The limit of a user namespace of its own: no other process has a part in it.
  const limited = 'echo 0 > /proc/sys/user/max_inotify_instances; exec "$@"';
  const child = spawn(
    "unshare",
    [
      "--user",
      "--map-root-user",
      "sh",
      "-c",
      limited,
      "sh",
      process.execPath,
      "--input-type=module",
      "-e",
      withoutInotify,
      directory.path,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (line === "watching") await writeFile(join(directory.path, "a"), "0");
  }
  assert.deepEqual(lines, [
    "EMFILE cannot watch exit files: polling for them every second; raise fs.inotify.max_user_instances",
    "watching",
    "told",
  ]);
});
