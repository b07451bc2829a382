import assert from "node:assert/strict";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { tempDir } from "../../testing/temp-dir.ts";
import {
  closeFile,
  makeDirectoryAt,
  mount,
  openDirectory,
  openDirectoryBeneath,
  pathAt,
  unmount,
} from "../linux/index.ts";
import { createLogger } from "../logging/index.ts";
import { removeTree, Trash, TreeRemover } from "./index.ts";

const logger = createLogger({ level: "fatal", format: "json" });

/** A chain of directories, each in the one before, as long paths cannot name. */
function chain(directory: string, depth: number, name: string): void {
  let fd = openDirectory(directory);
  for (let level = 0; level < depth; level++) {
    makeDirectoryAt(fd, name);
    writeFileSync(pathAt(fd, "file"), "x");
    const below = openDirectoryBeneath(fd, name);
    closeFile(fd);
    fd = below;
  }
  closeFile(fd);
}

test("a tree goes with all kinds of files and names, and nothing that its links lead to", async () => {
  await using outside = await tempDir();
  await writeFile(join(outside.path, "kept"), "kept");
  await using directory = await tempDir();
  const tree = join(directory.path, "tree");
  mkdirSync(join(tree, "a/b"), { recursive: true });
  mkdirSync(join(tree, "sealed"), { mode: 0 });
  for (const name of ["one", "a/two", "a/b/with\nline"]) writeFileSync(join(tree, name), "x");
  writeFileSync(Buffer.concat([Buffer.from(`${tree}/a/`), Buffer.from([0xff, 0xfe])]), "no UTF-8");
  symlinkSync(outside.path, join(tree, "link"));
  symlinkSync("/none", join(tree, "a/dangling"));
  chmodSync(join(tree, "a"), 0o500);
  removeTree(tree);
  assert.deepEqual(await readdir(directory.path), []);
  assert.equal(await readFile(join(outside.path, "kept"), "utf8"), "kept");
  removeTree(tree);
  removeTree(join(directory.path, "none/at/all"));
});

test("a tree is removed however deep it is, and beyond what a path can name", async () => {
  await using directory = await tempDir();
  const tree = join(directory.path, "tree");
  mkdirSync(tree);
  chain(tree, 1000, "d");
  chain(tree, 60, "n".repeat(200));
  removeTree(tree);
  assert.deepEqual(await readdir(directory.path), []);
});

test("nothing is deleted through a mount point, of another file system or of the same", async () => {
  await using directory = await tempDir();
  await using elsewhere = await tempDir();
  await writeFile(join(elsewhere.path, "kept"), "kept");
  const tree = join(directory.path, "tree");
  const place = join(tree, "a/mounted");
  mkdirSync(place, { recursive: true });
  await mount({ source: elsewhere.path, target: place, type: "", flags: 4096 });
  try {
    assert.throws(() => removeTree(tree), { code: "FailedPrecondition", message: /"mounted".*mount point/ });
  } finally {
    await unmount(place, { detach: true });
  }
  assert.equal(await readFile(join(elsewhere.path, "kept"), "utf8"), "kept");
  removeTree(tree);
  assert.deepEqual(await readdir(directory.path), []);
});

test("the main thread goes on while a tree of many files is removed", async () => {
  await using directory = await tempDir();
  await mount({ source: "tmpfs", target: directory.path, type: "tmpfs" });
  const undo = () => unmount(directory.path, { detach: true });
  try {
    const tree = join(directory.path, "tree");
    mkdirSync(tree);
    for (let number = 0; number < 30_000; number++) writeFileSync(join(tree, `${number}`), "");
    await using remover = new TreeRemover();
    let removed = false;
    const removal = remover.remove(tree).then(() => {
      removed = true;
    });
    let turns = 0;
    while (!removed) {
      turns++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await removal;
    assert.ok(turns > 100, `the event loop turned ${turns} times`);
    assert.deepEqual(await readdir(directory.path), []);
  } finally {
    await undo();
  }
});

test("a remover takes small directories and files too, and says which mount is in the way", async () => {
  await using directory = await tempDir();
  await using remover = new TreeRemover();
  const tree = await mkdtemp(join(directory.path, "small-"));
  await mkdir(join(tree, "empty"));
  await writeFile(join(tree, "file"), "x");
  await remover.remove(tree);
  await writeFile(join(directory.path, "file"), "x");
  await remover.remove(join(directory.path, "file"));
  await remover.remove(join(directory.path, "none"));
  assert.deepEqual(await readdir(directory.path), []);
  await mkdir(join(tree, "mounted"), { recursive: true });
  await mount({ source: "tmpfs", target: join(tree, "mounted"), type: "tmpfs" });
  try {
    await assert.rejects(remover.remove(tree), {
      code: "FailedPrecondition",
      message: /mounted.*mount point/,
    });
  } finally {
    await unmount(join(tree, "mounted"), { detach: true });
  }
});

test("what is put into the trash is out of its place at once, and deleted by this process or the next", async () => {
  await using directory = await tempDir();
  const place = join(directory.path, "trash");
  const tree = join(directory.path, "tree");
  mkdirSync(tree);
  chain(tree, 3, "d");
  await mkdir(join(place, "left/behind"), { recursive: true });
  await using trash = await Trash.open(place, logger);
  await trash.take(tree);
  await trash.take(join(directory.path, "none"));
  await assert.rejects(stat(tree), { code: "ENOENT" });
  while ((await readdir(place)).length > 0) await new Promise((resolve) => setImmediate(resolve));
});

test("what lies on another file system is deleted before the trash has taken it", async () => {
  await using directory = await tempDir();
  await using other = await tempDir();
  await mount({ source: "tmpfs", target: other.path, type: "tmpfs" });
  try {
    const tree = join(other.path, "tree");
    mkdirSync(tree);
    chain(tree, 50, "d");
    await using trash = await Trash.open(join(directory.path, "trash"), logger);
    await trash.take(tree);
    assert.deepEqual(await readdir(other.path), []);
  } finally {
    await unmount(other.path, { detach: true });
  }
});
