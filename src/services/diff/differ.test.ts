import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, open, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { openDatabase } from "../../ground/metadata/index.ts";
import { digestOf, mediaType } from "../../parts/oci/index.ts";
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
  await using differ = new Differ();
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
