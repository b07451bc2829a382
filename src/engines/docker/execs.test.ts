import assert from "node:assert/strict";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { cgroupLayout } from "../../ground/linux/index.ts";
import { createLogger } from "../../ground/logging/index.ts";
import { DockerClient } from "../../parts/dockerapi/index.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { ExecProcess } from "./exec-process.ts";
import { Execs } from "./execs.ts";

test("records of commands that a daemon left are removed, even if their writing was interrupted", async () => {
  await using directory = await tempDir();
  using client = new DockerClient({ endpoint: { kind: "unix", path: join(directory.path, "nobody.sock") } });
  const layout = (await cgroupLayout()) ?? assert.fail("no cgroups");
  const path = join(directory.path, "execs");
  using execs = new Execs(client, path, layout, createLogger({ level: "silent", format: "json" }));
  await execs.endLeft();
  await mkdir(path);
  await writeFile(join(path, "gone"), JSON.stringify({ askedAt: 0 }));
  await writeFile(join(path, "cut.new"), "{");
  await execs.endLeft();
  assert.deepEqual(await readdir(path), []);
});

test("no record is written for a command that ends while its process is looked up", async () => {
  await using directory = await tempDir();
  const noted = await ExecProcess.note(join(directory.path, "command"), process.pid);
  const found = noted.found(process.pid);
  noted.forget();
  await found;
  noted.write();
  assert.deepEqual(await readdir(directory.path), []);
});

test("commands that a daemon left are not assumed to be gone if their records cannot be read", async () => {
  await using directory = await tempDir();
  using client = new DockerClient({ endpoint: { kind: "unix", path: join(directory.path, "nobody.sock") } });
  const layout = (await cgroupLayout()) ?? assert.fail("no cgroups");
  const path = join(directory.path, "execs");
  await writeFile(path, "no directory");
  using execs = new Execs(client, path, layout, createLogger({ level: "silent", format: "json" }));
  await assert.rejects(execs.endLeft(), { code: "ENOTDIR" });
});
