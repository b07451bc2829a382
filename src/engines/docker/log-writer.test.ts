import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { statSync } from "node:fs";
import { readFile, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { HostPathError, HostPaths, type LookUp } from "../../ground/hostpaths/index.ts";
import { smallDisk } from "../../testing/small-disk.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { readPosition } from "./log-position.ts";
import { LogWriter } from "./log-writer.ts";

const lookUp = new HostPaths().of("pod");
const line = (text: string) => Buffer.from(`2026-01-01T00:00:00.000000000Z stdout F ${text}\n`);
const numbersIn = (text: string) => [...text.matchAll(/ F (\d+)$/gm)].map(([, number]) => Number(number));

test("lines are written in their order, through a rotation in their midst, and a missing directory is made", async () => {
  await using directory = await tempDir();
  const path = join(directory.path, "pod", "0.log");
  await using writer = new LogWriter(path, lookUp);
  await writer.open();
  for (let number = 0; number < 50_000; number++) {
    await writer.write([line(`${number}`)]);
    if (number !== 20_000) continue;
    await rename(path, `${path}.1`);
    await writer.reopen();
  }
  await writer.flush();
  const texts = await Promise.all([`${path}.1`, path].map((file) => readFile(file, "utf8")));
  assert.ok(texts.every((text) => text.length > 0));
  assert.deepEqual(numbersIn(texts.join("")), [...Array(50_000).keys()]);
});

test("what is being written counts as written only once it is there", async () => {
  await using directory = await tempDir();
  const path = join(directory.path, "0.log");
  await using writer = new LogWriter(path, lookUp);
  await writer.open();
  const bytes = line("x".repeat(500_000));
  await writer.write([bytes]);
  // The write is begun, and nothing waits for the next one.
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  await writer.flush();
  assert.equal(statSync(path).size, bytes.length);
});

test("a log whose disk was full goes on where it was: nothing is written behind a gap", async () => {
  await using disk = await smallDisk(2 ** 20);
  const path = join(disk.path, "0.log");
  await using writer = new LogWriter(path, lookUp);
  await writer.open();
  await writer.write([line("0")]);
  await writer.flush();
  await disk.fill();
  const page = "x".repeat(4096);
  await assert.rejects(async () => {
    for (;;) await writer.write([line(page)]);
  }, /ENOSPC/);
  await assert.rejects(writer.flush(), /ENOSPC/);
  await disk.free();
  await readPosition(path);
  await writer.open();
  await writer.write([line("1")]);
  await writer.flush();
  const lines = (await readFile(path, "utf8")).split("\n");
  assert.deepEqual(lines.slice(0, 1).concat(lines.slice(-2)), [
    `${line("0")}`.trim(),
    `${line("1")}`.trim(),
    "",
  ]);
  assert.ok(lines.slice(1, -2).every((each) => each === `${line(page)}`.trim()));
});

test("nothing is written, or taken away, through what others have put in a log's place", async () => {
  await using directory = await tempDir();
  const path = join(directory.path, "0.log");
  const target = join(directory.path, "of-others");
  await writeFile(target, "no newline at its end");
  await symlink(target, path);
  await using writer = new LogWriter(path, lookUp);
  await assert.rejects(writer.open(), /refusing to write to a symbolic link/);
  assert.equal(await readPosition(path), undefined);
  assert.equal(await readFile(target, "utf8"), "no newline at its end");
  const pipe = join(directory.path, "1.log");
  await promisify(execFile)("mkfifo", [pipe]);
  await using other = new LogWriter(pipe, lookUp);
  await assert.rejects(other.open(), /refusing to write to something that is not a regular file/);
  assert.equal(await readPosition(pipe), undefined);
});

test("a write that does not answer holds up its log alone for as long as anybody waits, and is not written twice", async () => {
  await using directory = await tempDir();
  const path = join(directory.path, "0.log");
  const answers = Promise.withResolvers<void>();
  let isHung = false;
  // As long as it hangs, whoever waits is told that there is no answer; what was asked for is done later.
  const hanging: LookUp = async (asked, work) => {
    if (!isHung) return await lookUp(asked, work);
    const late = answers.promise.then(work);
    late.catch(() => undefined);
    throw new HostPathError("Unavailable", `${asked} of the host does not respond`);
  };
  await using writer = new LogWriter(path, hanging);
  await writer.open();
  isHung = true;
  await writer.write([line("0")]);
  await assert.rejects(writer.flush(), /does not respond/);
  await assert.rejects(writer.open(), /does not respond/);
  isHung = false;
  answers.resolve();
  await writer.open();
  const position = (await readPosition(path)) ?? assert.fail("no position");
  assert.equal(position.written.size, 1);
  await writer.write([line("1")]);
  await writer.flush();
  assert.deepEqual(numbersIn(await readFile(path, "utf8")), [0, 1]);
});
