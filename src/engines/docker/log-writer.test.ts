import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { statSync } from "node:fs";
import { mkdir, readFile, rename, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { HostPaths, type LookUp } from "../../ground/hostpaths/index.ts";
import { smallDisk } from "../../testing/small-disk.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { readPosition } from "./log-position.ts";
import { LogWriter } from "./log-writer.ts";

const run = promisify(execFile);
const lookUp = new HostPaths().of("pod");
const line = (text: string) => Buffer.from(`2026-01-01T00:00:00.000000000Z stdout F ${text}\n`);
const numbersIn = (text: string) => [...text.matchAll(/ F (\d+)$/gm)].map(([, number]) => Number(number));

test("lines are written in order, also across a rotation, and a missing directory is created", async () => {
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

test("after a rotation, lines go to the new file, even if closing the old one fails", async () => {
  await using directory = await tempDir();
  const path = join(directory.path, "0.log");
  let isFailing = false;
  const failing: LookUp = async (asked, work) => {
    const done = await lookUp(asked, work);
    // Of what is looked up to reopen a log, closing alone has no result.
    if (isFailing && asked === path && done === undefined) throw new Error("EIO: i/o error, close");
    return done;
  };
  await using writer = new LogWriter(path, failing);
  await writer.open();
  await writer.write([line("0")]);
  await writer.flush();
  await rename(path, `${path}.1`);
  isFailing = true;
  await writer.reopen();
  isFailing = false;
  await assert.rejects(writer.write([line("1")]), /EIO/);
  await writer.open();
  await writer.write([line("1")]);
  await writer.flush();
  assert.deepEqual(numbersIn(await readFile(path, "utf8")), [1]);
});

test("lines are not reported as written if there is no file", async () => {
  await using directory = await tempDir();
  await using writer = new LogWriter(join(directory.path, "0.log"), lookUp);
  await writer.write([line("0")]);
  await assert.rejects(writer.flush(), { code: "Internal", message: /is not open/ });
});

test("lines count as written only once they are in the file", async () => {
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

test("a log whose disk was full continues where it stopped, and nothing is written after a gap", async () => {
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

test("nothing is written or removed through a link or another file in the log's place", async () => {
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
  await run("mkfifo", [pipe]);
  await using other = new LogWriter(pipe, lookUp);
  await assert.rejects(other.open(), /refusing to write to something that is not a regular file/);
  assert.equal(await readPosition(pipe), undefined);
});

test("a hanging write takes one of its pod's look-ups, however long it is waited for, and is not repeated", async () => {
  await using disk = await frozenDisk();
  const path = join(disk.path, "0.log");
  const limited = new HostPaths({ perOwner: 2, answerMs: 200 }).of("pod");
  await using writer = new LogWriter(path, limited, undefined, 200);
  await writer.open();
  await disk.freeze();
  await writer.write([line("0")]);
  await assert.rejects(writer.flush(), /does not respond/);
  const opened = writer.open();
  await limited("/", async () => statSync("/"));
  await assert.rejects(opened, /does not respond: an earlier write has not ended/);
  await limited("/", async () => statSync("/"));
  await disk.thaw();
  await writer.open();
  const position = (await readPosition(path)) ?? assert.fail("no position");
  assert.equal(position.written.size, 1);
  await writer.write([line("1")]);
  await writer.flush();
  assert.deepEqual(numbersIn(await readFile(path, "utf8")), [0, 1]);
});

/** A file system that can be made to answer nothing that writes to it. Needs root. */
async function frozenDisk(): Promise<
  AsyncDisposable & { readonly path: string; freeze(): Promise<void>; thaw(): Promise<void> }
> {
  await using undo = new AsyncDisposableStack();
  const { path: parent } = undo.use(await tempDir());
  const [image, path] = [join(parent, "image"), join(parent, "disk")];
  await mkdir(path);
  await writeFile(image, "");
  await truncate(image, 4 * 2 ** 20);
  await run("mkfs.ext4", ["-q", image]);
  await run("mount", ["-o", "loop", image, path]);
  undo.defer(async () => void (await run("umount", ["--lazy", path])));
  let isFrozen = false;
  const freeze = async (which: "--freeze" | "--unfreeze") => {
    await run("fsfreeze", [which, path]);
    isFrozen = which === "--freeze";
  };
  undo.defer(async () => {
    if (isFrozen) await freeze("--unfreeze");
  });
  const made = undo.move();
  return {
    path,
    freeze: () => freeze("--freeze"),
    thaw: () => freeze("--unfreeze"),
    [Symbol.asyncDispose]: () => made.disposeAsync(),
  };
}
