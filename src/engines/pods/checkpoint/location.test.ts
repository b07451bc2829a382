import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { HostPaths } from "../../../ground/hostpaths/index.ts";
import { deadFileSystem } from "../../../testing/dead-file-system.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import { finishLocation, prepareLocation, requireEmptyDirectory } from "./location.ts";
import { readPodDump } from "./pod-dump.ts";

test("a place of a checkpoint that does not answer any more is told, in its beginning, its end and its restore", async () => {
  await using directory = await tempDir();
  const path = join(directory.path, "dead");
  await mkdir(path);
  await using _dead = await deadFileSystem(path);
  const lookUp = new HostPaths({ answerMs: 100, slowMs: 50 }).of("pod");
  const silent = { code: "Unavailable", message: /dead.* of the host does not respond/ };
  const location = { path: join(path, "archive.tar"), partial: join(path, "archive.partial") };
  await assert.rejects(requireEmptyDirectory(path, lookUp), silent);
  await assert.rejects(finishLocation(location, lookUp), silent);
  await assert.rejects(readPodDump(path, lookUp), silent);
});

test("a place of a checkpoint that cannot be looked at is not taken for a missing one", async () => {
  await using directory = await tempDir();
  const path = join(directory.path, "failing");
  await mkdir(path);
  await using failing = await deadFileSystem(path);
  failing.fail();
  const lookUp = new HostPaths().of("pod");
  const failure = { code: "ENOTCONN" };
  await assert.rejects(prepareLocation(join(path, "archive.tar"), lookUp), failure);
  await assert.rejects(requireEmptyDirectory(path, lookUp), failure);
  await assert.rejects(readPodDump(path, lookUp), failure);
});

test("a place of a checkpoint that leads nowhere is refused", async () => {
  await using directory = await tempDir();
  const file = join(directory.path, "file");
  await writeFile(file, "");
  const lookUp = new HostPaths().of("pod");
  const missing = { code: "InvalidArgument", message: /does not exist/ };
  for (const path of [
    join(directory.path, "missing"),
    join(file, "below"),
    join(directory.path, "x".repeat(300)),
  ]) {
    await assert.rejects(prepareLocation(join(path, "archive.tar"), lookUp), missing);
    await assert.rejects(requireEmptyDirectory(path, lookUp), missing);
  }
});
