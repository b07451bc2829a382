import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { tempDir } from "../../../testing/temp-dir.ts";
import { readEntries } from "../index.ts";

const run = promisify(execFile);

const script = `mkdir tree; cd tree; mkdir dir; echo one > dir/one; : > none; ln -s dir/one link; seq 1 40000 > long
  truncate -s 3M holes; printf begin | dd of=holes conv=notrunc status=none; printf end | dd of=holes bs=1 seek=2M conv=notrunc status=none`;

async function withArchive(use: (archive: string, tree: string) => Promise<void>): Promise<void> {
  await using root = await tempDir();
  await run("sh", ["-ec", script], { cwd: root.path });
  const [tree, archive] = [join(root.path, "tree"), join(root.path, "a.tar")];
  const sparse = ["--format=gnu", "--sparse", "--hole-detection=raw"];
  await run("tar", [
    "-C",
    tree,
    "--sort=name",
    ...sparse,
    "-cf",
    archive,
    "dir",
    "holes",
    "link",
    "long",
    "none",
  ]);
  await use(archive, tree);
}

const piecesOf = (archive: string) => createReadStream(archive, { highWaterMark: 10_007 });

test("entries come in order with their files' bytes, holes among them", () =>
  withArchive(async (archive, tree) => {
    const found: string[] = [];
    for await (const { entry, content } of readEntries(piecesOf(archive))) {
      found.push(`${entry.kind} ${entry.name}`);
      const bytes = Buffer.concat(await Array.fromAsync(content));
      if (entry.kind !== "file") assert.equal(bytes.length, 0);
      else assert.ok(bytes.equals(await readFile(join(tree, entry.name))), entry.name);
    }
    assert.deepEqual(found, [
      "directory dir/",
      "file dir/one",
      "file holes",
      "symlink link",
      "file long",
      "file none",
    ]);
  }));

test("a file that is read in part, or not at all, is passed over", () =>
  withArchive(async (archive, tree) => {
    for await (const { entry, content } of readEntries(piecesOf(archive))) {
      if (entry.name === "long") for await (const _ of content) break;
      if (entry.name !== "none") continue;
      assert.deepEqual(await Array.fromAsync(content), []);
      return;
    }
    assert.fail(`${tree}: the last entry was not found`);
  }));

test("an archive that is cut within a file is an error for who reads the file", () =>
  withArchive(async (archive) => {
    const bytes = (await readFile(archive)).subarray(0, 100_000);
    const read = async () => {
      for await (const { content } of readEntries(cut(bytes))) for await (const _ of content);
    };
    await assert.rejects(read, { name: "TarError", code: "DataLoss" });
  }));

async function* cut(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
