import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { HostPaths } from "../../ground/hostpaths/index.ts";
import { openDatabase } from "../../ground/metadata/index.ts";
import { digestOf, mediaType } from "../../parts/oci/index.ts";
import { deadFileSystem } from "../../testing/dead-file-system.ts";
import { erofsLayer, erofsType } from "../../testing/erofs-layers.ts";
import { tarOf } from "../../testing/images.ts";
import { PublishedEvents } from "../../testing/published.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { until } from "../../testing/until.ts";
import { openContent } from "../content/index.ts";
import type { MountMessage } from "./client-mounts.ts";
import type { ClientApplyOptions } from "./differ.ts";
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

test("a layer that is an EROFS image is taken by a snapshot of the erofs snapshotter alone", async () => {
  await using scratch = await tempDir();
  const root = scratch.path;
  await using database = await openDatabase({ path: join(root, "metadata.db") });
  const content = (await openContent({ root, database, events: new PublishedEvents() })).inNamespace(
    "k8s.io",
  );
  const {
    bytes,
    diffId,
    mediaType: type,
  } = await erofsLayer((tree) => writeFile(join(tree, "hello"), "hello"), { type: `${erofsType}+zstd` });
  const notOne = await tarOf([{ name: "first", content: "1" }]);
  for (const each of [bytes, notOne]) await content.put(each, { digest: digestOf(each) });
  const [upper, work, image] = [join(root, "upper"), join(root, "work"), join(root, "image")];
  for (const path of [upper, work]) await mkdir(path);
  await using differ = new Differ(new HostPaths());
  const { signal } = new AbortController();
  const apply = (blob: Uint8Array, mount: MountMessage, targetAt?: ClientApplyOptions["targetAt"]) =>
    differ.apply(content, { digest: digestOf(blob), mediaType: type }, [mount], {
      sync: false,
      signal,
      ...(targetAt && { targetAt }),
    });
  const bind = { type: "bind", source: upper, options: ["rbind"] };
  const overlay = {
    type: "overlay",
    source: "overlay",
    options: [`upperdir=${upper}`, `workdir=${work}`, `lowerdir=${root}`],
  };
  for (const mount of [bind, overlay])
    await assert.rejects(apply(bytes, mount), {
      code: "Unimplemented",
      message: /use the erofs snapshotter/,
    });
  assert.deepEqual(await readdir(upper), []);

  const intoImage = (directory: string) =>
    directory === upper ? ({ form: "image", directory: image } as const) : undefined;
  await assert.rejects(apply(notOne, bind, intoImage), {
    code: "InvalidArgument",
    message: /it has no EROFS superblock/,
  });
  await rm(image, { recursive: true });
  const { digest, size } = await apply(bytes, bind, intoImage);
  const kept = await readFile(join(image, "layer.erofs"));
  assert.deepEqual([digest, size, digestOf(kept)], [diffId, kept.length, diffId]);
});
