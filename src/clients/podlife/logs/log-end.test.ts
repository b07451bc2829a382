import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { tempDir } from "../../../testing/temp-dir.ts";
import { endOfLog } from "./log-end.ts";

const at = "2026-11-30T10:00:00.123456789+00:00";

async function endOf(log: string, maxLines = 80, maxBytes = 2048): Promise<string> {
  await using directory = await tempDir();
  const path = join(directory.path, "0.log");
  await writeFile(path, log);
  return (await endOfLog(path, maxLines, maxBytes)).toString();
}

test("the end of a log is its last lines, of both streams, without the runtime's prefixes", async () => {
  const log = `${at} stdout F one\n${at} stderr F two three\n${at} stdout F \n`;
  assert.equal(await endOf(log), "one\ntwo three\n\n");
  assert.equal(await endOf(log, 2), "two three\n\n");
  assert.equal(await endOf(log, 80, 5), "ree\n\n");
});

test("a line that the runtime has written in several parts is one line", async () => {
  assert.equal(await endOf(`${at} stdout P one \n${at} stdout F line\n`), "one line\n");
  // A process that ends its output without a newline.
  assert.equal(await endOf(`${at} stdout F one\n${at} stdout P two\n`), "one\ntwo");
});

test("the end of a log is complete even if its lines are longer than the first read", async () => {
  const long = "x".repeat(30_000);
  assert.equal(await endOf(`${at} stdout P ${long}\n${at} stdout F yz\n`, 80, 10), "xxxxxxxyz\n");
  assert.equal(await endOf(`${at} stdout F ${long}\n`, 80, 2048), `${"x".repeat(2047)}\n`);
  const many = Array.from({ length: 5000 }, (_, index) => `${at} stdout F line ${index}\n`).join("");
  assert.equal(await endOf(many, 2), "line 4998\nline 4999\n");
});

test("the end of a missing, empty or invalid log is empty", async () => {
  await using directory = await tempDir();
  assert.equal((await endOfLog(join(directory.path, "none.log"), 80, 2048)).length, 0);
  assert.equal(await endOf(""), "");
  assert.equal(await endOf("what is this\n"), "");
});
