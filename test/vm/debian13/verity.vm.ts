/**
 * EROFS layers with fs-verity on an ext4 that supports it. Debian 12's kernel cannot mount EROFS from files.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { appendFile, mkdir, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { promisify } from "node:util";
import { runDoctor } from "../../../src/clients/doctor/index.ts";
import { parseConfig } from "../../../src/ground/config/index.ts";
import { unmountBelow, verityState } from "../../../src/ground/linux/index.ts";
import { createLogger } from "../../../src/ground/logging/index.ts";
import { openDatabase } from "../../../src/ground/metadata/index.ts";
import { applyLayer, layerImageFiles } from "../../../src/parts/unpack/index.ts";
import { tarOf } from "../../../src/parts/unpack/testing/tar-bytes.ts";
import { Snapshotters } from "../../../src/services/snapshots/index.ts";
import { mounted } from "../../../src/services/snapshots/testing/mounted.ts";
import { PublishedEvents } from "../../../src/testing/published.ts";
import { tempDir } from "../../../src/testing/temp-dir.ts";
import { eventually } from "../../support/condition.ts";

const run = promisify(execFile);
const logger = createLogger({ level: "silent", format: "json" });
/** Nothing else on the disk contains it. */
const content = Buffer.alloc(64 * 1024, "what the layer says ");

/** An ext4 file system with fs-verity in a file, and how to mount it. */
async function verityDisk(blockBytes: number) {
  await using undo = new AsyncDisposableStack();
  const scratch = undo.use(await tempDir());
  const [image, root] = [join(scratch.path, "disk.img"), join(scratch.path, "root")];
  await mkdir(root);
  await run("truncate", ["--size", "64M", image]);
  await run("mke2fs", ["-q", "-t", "ext4", "-b", `${blockBytes}`, "-O", "verity", image]);
  undo.defer(() => unmountBelow(scratch.path));
  const kept = undo.move();
  return {
    image,
    root,
    mount: () => run("mount", ["-o", "loop", image, root]),
    unmount: async () => {
      await unmountBelow(scratch.path);
      const inUse = async () => (await run("losetup", ["--associated", image])).stdout !== "";
      await eventually("nobody has the disk", async () => !(await inUse()));
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function opened(root: string, database: string, erofsVerity: boolean) {
  await using undo = new AsyncDisposableStack();
  const records = undo.use(await openDatabase({ path: database }));
  const events = new PublishedEvents();
  const snapshotters = undo.use(
    await Snapshotters.open({ root, database: records, events, logger, erofsVerity }),
  );
  const snapshotter = await snapshotters.get("erofs", "k8s.io");
  const kept = undo.move();
  return { snapshotter, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

type Opened = Awaited<ReturnType<typeof opened>>;

/** Unpacks a layer of one file; returns the directory of its image. */
async function unpack({ snapshotter }: Opened, name: string): Promise<string> {
  const layer = tarOf({ name: "file", data: content });
  await snapshotter.prepare(`extract-${name}`, undefined);
  const target = snapshotter.layerTarget(`extract-${name}`);
  await applyLayer(Readable.from([layer]), { target, expected: { size: layer.length } });
  await snapshotter.commit(name, `extract-${name}`);
  return target.directory;
}

const filesIn = (directory: string) => {
  const { archive, index } = layerImageFiles(directory);
  return [archive, index];
};

for (const blockBytes of [1024, 4096])
  test(`the kernel lets nobody change a layer, and refuses to read changed parts of it, in blocks of ${blockBytes}`, async () => {
    await using records = await tempDir();
    const database = join(records.path, "meta.db");
    await using disk = await verityDisk(blockBytes);
    await disk.mount();
    const toml = `root = "${disk.root}"\n[images]\nsnapshotter = "erofs"\nerofs_verity = true`;
    const request = { config: parseConfig(toml, "test"), registries: [] };
    const found = (await runDoctor(request, new AbortController().signal)).flatMap((each) => each.findings);
    assert.equal(found.find(({ title }) => title === `fs-verity under ${disk.root}`)?.severity, "ok");
    {
      await using session = await opened(disk.root, database, true);
      const { snapshotter } = session;
      const directory = await unpack(session, "layer");
      for (const file of filesIn(directory)) {
        assert.equal(await verityState(file), "on");
        await assert.rejects(appendFile(file, "x"), { code: "EPERM" });
      }
      const view = await snapshotter.view("view", "layer");
      assert.deepEqual(await mounted(view, (tree) => readFile(join(tree, "file"))), content);
      await snapshotter.remove("view");
    }
    await disk.unmount();
    await damage(disk.image);
    await disk.mount();
    await using session = await opened(disk.root, database, true);
    const view = await session.snapshotter.view("view", "layer");
    await assert.rejects(
      mounted(view, (tree) => readFile(join(tree, "file"))),
      { code: "EIO" },
    );
  });

test("layers that were unpacked without fs-verity are not used if it is required", async () => {
  await using records = await tempDir();
  const database = join(records.path, "meta.db");
  await using disk = await verityDisk(4096);
  await disk.mount();
  {
    await using session = await opened(disk.root, database, false);
    for (const file of filesIn(await unpack(session, "layer"))) assert.equal(await verityState(file), "off");
  }
  await using session = await opened(disk.root, database, true);
  await assert.rejects(session.snapshotter.view("view", "layer"), {
    code: "FailedPrecondition",
    message: /has no fs-verity.*pull them again/,
  });
});

/** Changes one byte of the content directly on the disk. */
async function damage(image: string): Promise<void> {
  await using file = await open(image, "r+");
  const at = (await file.readFile()).indexOf(content.subarray(0, 4096));
  assert.notEqual(at, -1);
  await file.write("W", at);
  await file.sync();
}
