import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, open, rename } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { tempDir } from "../../../testing/temp-dir.ts";
import { SealedPrograms } from "./sealed-programs.ts";

const run = promisify(execFile);

test("crun is started from a copy of it that nobody can change", async () => {
  await using directory = await tempDir();
  const path = join(directory.path, "crun");
  await copyFile("/bin/echo", path);
  using programs = new SealedPrograms();
  const copy = await programs.pathFor({ type: "crun", path });
  assert.notEqual(copy, path);
  assert.equal((await run(copy, ["it runs"])).stdout, "it runs\n");
  const write = async () => {
    await using file = await open(copy, "r+");
    await file.write("x", 0);
  };
  await assert.rejects(write, { code: /EPERM|ETXTBSY/ });
});

test("a program that was replaced is started as it is now", async () => {
  await using directory = await tempDir();
  const path = join(directory.path, "crun");
  await copyFile("/bin/true", path);
  using programs = new SealedPrograms();
  const before = await programs.pathFor({ type: "crun", path });
  assert.equal(await programs.pathFor({ type: "crun", path }), before);
  await copyFile("/bin/false", `${path}.new`);
  await rename(`${path}.new`, path);
  await assert.rejects(run(await programs.pathFor({ type: "crun", path })), { code: 1 });
  await run(before);
});

test("one copy serves all who ask for it at the same time", async () => {
  await using directory = await tempDir();
  const path = join(directory.path, "crun");
  await copyFile("/bin/true", path);
  using programs = new SealedPrograms();
  const copies = await Promise.all([1, 2, 3].map(() => programs.pathFor({ type: "crun", path })));
  assert.deepEqual(new Set(copies).size, 1);
});

test("other runtimes, and programs that are not there, are started by their own paths", async () => {
  using programs = new SealedPrograms();
  assert.equal(await programs.pathFor({ type: "runc", path: "/usr/sbin/runc" }), "/usr/sbin/runc");
  assert.equal(await programs.pathFor({ type: "crun", path: "/nosuch/crun" }), "/nosuch/crun");
});
