import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { tempDir } from "../../testing/temp-dir.ts";
import { SnapshotDirectories } from "./directories.ts";

const run = promisify(execFile);

test("ext4 keeps the files of different snapshots apart", async () => {
  await using disk = await ext4Disk(512 << 20);
  const directories = await SnapshotDirectories.open(join(disk.path, "snapshots"));
  await directories.makeRoot();
  const inodes: number[] = [];
  for (let count = 0; count < 4; count++) {
    const directory = directories.at(directories.takeId());
    await directories.make(directory, { hasWork: true });
    const { fs } = directory;
    await writeFile(join(fs, "file"), "");
    inodes.push((await stat(join(fs, "file"))).ino);
  }
  inodes.sort((one, other) => one - other);
  const apart = inodes.slice(1).map((inode, index) => inode - (inodes[index] ?? 0));
  assert.ok(Math.min(...apart) > 100, `inodes ${inodes.join(", ")}`);
});

/** An ext4 with many groups of inodes, in a file. Needs root. */
async function ext4Disk(sizeBytes: number): Promise<AsyncDisposable & { readonly path: string }> {
  await using undo = new AsyncDisposableStack();
  const image = join(undo.use(await tempDir()).path, "image");
  const { path } = undo.use(await tempDir());
  await writeFile(image, "");
  await truncate(image, sizeBytes);
  await run("mkfs.ext4", ["-q", "-O", "^has_journal", "-G", "1", "-g", "8192", image]);
  await run("mount", ["-o", "loop", image, path]);
  undo.defer(async () => void (await run("umount", ["--lazy", path])));
  const mounted = undo.move();
  return { path, [Symbol.asyncDispose]: () => mounted.disposeAsync() };
}
