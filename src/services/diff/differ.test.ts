import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, open, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { HostPaths } from "../../ground/hostpaths/index.ts";
import { openDatabase } from "../../ground/metadata/index.ts";
import { digestOf, mediaType } from "../../parts/oci/index.ts";
import { deadFileSystem } from "../../testing/dead-file-system.ts";
import { tarOf } from "../../testing/images.ts";
import { PublishedEvents } from "../../testing/published.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { until } from "../../testing/until.ts";
import { openContent } from "../content/index.ts";
import { Differ } from "./index.ts";

const run = promisify(execFile);

test("a layer whose caller has gone is applied no further, and its thread takes the next one", async () => {
  await using scratch = await tempDir();
  const root = scratch.path;
  await using database = await openDatabase({ path: join(root, "metadata.db") });
  const content = (await openContent({ root, database, events: new PublishedEvents() })).inNamespace(
    "k8s.io",
  );
  const tar = await tarOf([{ name: "first", content: "1" }]);
  const layer = { digest: digestOf(tar), mediaType: mediaType.ociLayer };
  await content.put(tar, layer);
  const target = join(root, "target");
  await mkdir(target);
  const mounts = [{ type: "bind", source: target, options: ["rbind"] }];
  await using differ = new Differ(new HostPaths());
  const apply = (signal: AbortSignal) => differ.apply(content, layer, mounts, { sync: false, signal });

  const path = content.path(layer.digest);
  await rm(path);
  await run("mkfifo", [path]);
  {
    // Gives the file, and never comes to its end.
    await using fifo = await open(path, "r+");
    const controller = new AbortController();
    const cut = assert.rejects(apply(controller.signal), { message: "not wanted" });
    await fifo.write(tar.subarray(0, 1024));
    await until(async () => (await readdir(target)).length > 0);
    controller.abort(new Error("not wanted"));
    await cut;
  }
  await rm(path);
  await writeFile(path, tar);
  await apply(new AbortController().signal);
  assert.deepEqual(await readdir(target), ["first"]);
});

test("layers for a file system that does not answer are refused, and hold up no others", async () => {
  await using scratch = await tempDir();
  const root = scratch.path;
  await using database = await openDatabase({ path: join(root, "metadata.db") });
  const content = (await openContent({ root, database, events: new PublishedEvents() })).inNamespace(
    "k8s.io",
  );
  const tar = await tarOf([{ name: "first", content: "1" }]);
  const layer = { digest: digestOf(tar), mediaType: mediaType.ociLayer };
  await content.put(tar, layer);
  const [alive, dead] = [join(root, "alive"), join(root, "dead")];
  for (const path of [alive, dead]) await mkdir(path);
  await using _dead = await deadFileSystem(dead);
  const limits = { answerMs: 100, slowMs: 50, perFileSystem: 1 };
  await using differ = new Differ(new HostPaths(limits));
  const { signal } = new AbortController();
  const apply = (source: string) =>
    differ.apply(content, layer, [{ type: "bind", source, options: ["rbind"] }], { sync: false, signal });
  const refused = [1, 2, 3, 4, 5].map(() => assert.rejects(apply(dead), { code: "Unavailable" }));
  await apply(alive);
  await Promise.all(refused);
  assert.deepEqual(await readdir(alive), ["first"]);
});
