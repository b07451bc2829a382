import assert from "node:assert/strict";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { mediaType } from "../../parts/oci/index.ts";
import { startFakeRegistry } from "../../testing/fake-registry.ts";
import { imageOf } from "../../testing/images.ts";
import { smallDisk } from "../../testing/small-disk.ts";
import { openStack, type TestStack } from "./testing/stack.ts";

const signal = new AbortController().signal;
const zeros = Buffer.alloc(20 << 20);
const none = { maxBytes: 0, maxFiles: 0, minFreePercent: 0 };

async function assertNothingIsLeft(stack: TestStack): Promise<void> {
  assert.deepEqual([stack.images.list(), stack.content.list(), stack.snapshotter.list()], [[], [], []]);
  assert.deepEqual(await stack.content.ingests(), []);
}

const image = await imageOf({ layers: [[{ name: "zeros", content: zeros }]] });
const layer = [...image.blobs].find(([, { mediaType: type }]) => type === mediaType.ociLayerGzip)?.[0];

describe("a layer of a few KiB that unpacks to a lot", () => {
  for (const kind of ["overlayfs", "native", "erofs"] as const)
    test(`is refused beyond the limit and leaves nothing, and is accepted without a limit: ${kind}`, async () => {
      await using server = await startFakeRegistry({ "a:b": image });
      const reference = `${server.host}/a:b`;
      {
        await using stack = await openStack({ kind, layerLimits: { ...none, maxBytes: 1 << 20 } });
        await assert.rejects(stack.images.pull({ reference }), {
          code: "ResourceExhausted",
          message: new RegExp(`^layer ${layer} has more than 1048576 bytes .*images\\.max_layer_bytes`),
        });
        await assertNothingIsLeft(stack);
      }
      await using stack = await openStack({ kind, layerLimits: none });
      assert.equal((await stack.images.pull({ reference })).repoTags[0], reference);
    });

  test("is refused if it would use reserved disk space", async () => {
    await using server = await startFakeRegistry({ "a:b": image });
    await using disk = await smallDisk(64 << 20);
    const layerLimits = { ...none, minFreePercent: 75 };
    await using stack = await openStack({ layerLimits, root: join(disk.path, "root") });
    const message = new RegExp(`^layer ${layer} is too large for this machine: .* 75% of it`);
    const pull = stack.images.pull({ reference: `${server.host}/a:b` });
    await assert.rejects(pull, { code: "ResourceExhausted", message });
    await assertNothingIsLeft(stack);
  });

  test("is refused in an archive as well, and so is an archive that would itself use reserved disk space", async () => {
    const large = await imageOf({ layers: [[{ name: "zeros", content: zeros }]], compression: "none" });
    await using server = await startFakeRegistry({ "a:b": image, "a:large": large });
    await using disk = await smallDisk(96 << 20);
    const save = async (tag: string): Promise<string> => {
      const reference = `${server.host}/a:${tag}`;
      const file = join(disk.path, `${tag}.tar`);
      await using stack = await openStack();
      await stack.images.pull({ reference });
      await using archive = await stack.images.save({ images: [reference], format: "oci" }, signal);
      await writeFile(file, Buffer.concat(await Array.fromAsync(archive.bytes)));
      return file;
    };
    const load = async (file: string, layerLimits: typeof none, message: RegExp): Promise<void> => {
      await using stack = await openStack({ layerLimits, root: join(disk.path, "root") });
      await assert.rejects(stack.images.importArchive(file), { code: "ResourceExhausted", message });
      await assertNothingIsLeft(stack);
    };
    await load(await save("b"), { ...none, maxBytes: 1 << 20 }, /images\.max_layer_bytes/);
    const wanted = /large\.tar is too large for this machine: .* 65% of it \(images\.min_free_percent/;
    await load(await save("large"), { ...none, minFreePercent: 65 }, wanted);
  });

  test("is refused in an archive that a client streams, before it uses reserved disk space", async () => {
    await using disk = await smallDisk(64 << 20);
    const layerLimits = { ...none, minFreePercent: 80 };
    await using stack = await openStack({ layerLimits, root: join(disk.path, "root") });
    async function* sent() {
      for (let piece = 0; piece < 32; piece++) yield Buffer.alloc(1 << 20, piece);
    }
    const request = {
      archive: sent(),
      wanted: { platforms: [], allMetadata: false },
      unpack: true,
      onProgress: () => undefined,
      name: () => Promise.reject(new Error("it was named")),
    };
    const message = /^the archive is too large for this machine: .* 80% of it \(images\.min_free_percent/;
    await assert.rejects(stack.images.transfers.load(request, signal), {
      code: "ResourceExhausted",
      message,
    });
    assert.deepEqual(await readdir(join(disk.path, "root", "import")), []);
  });

  test("is refused if only its bytes are wanted, for another platform, and there is no space for them", async () => {
    const noise = Buffer.alloc(20 << 20, "never the same");
    const platform = { os: "linux", architecture: "arm64" };
    const layers = [[{ name: "noise", content: noise }]];
    const image = await imageOf({ layers, platform, compression: "none" });
    await using server = await startFakeRegistry({ "a:b": image });
    await using disk = await smallDisk(64 << 20);
    const layerLimits = { ...none, minFreePercent: 80 };
    await using stack = await openStack({ layerLimits, root: join(disk.path, "root") });
    const request = { reference: `${server.host}/a:b`, platforms: [platform] };
    const message = /^blob sha256:[0-9a-f]+ is too large for this machine: .* 80% of it/;
    await assert.rejects(stack.images.pull(request), { code: "ResourceExhausted", message });
    assert.deepEqual(await stack.content.ingests(), []);
  });
});
