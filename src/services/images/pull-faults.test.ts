import assert from "node:assert/strict";
import { truncate, writeFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { BerthError } from "../../ground/errors/index.ts";
import { type Digest, mediaType } from "../../parts/oci/index.ts";
import { imageWith, tarLayer } from "../../testing/erofs-layers.ts";
import { type Misbehaviour, startFakeRegistry } from "../../testing/fake-registry.ts";
import { imageOf, type TestImage } from "../../testing/images.ts";
import { smallDisk } from "../../testing/small-disk.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { until } from "../../testing/until.ts";
import { openStack, type TestStack } from "./testing/stack.ts";

const hasCode = (code: string) => (error: unknown) => error instanceof BerthError && error.code === code;
/** Not compressible, so that a layer is transferred in many pieces. */
const noise = Buffer.from(
  Array.from({ length: 600_000 }, (_, index) => (index * 7919 + (index >> 3) * 104_729) & 0xff),
);

async function largeImage(): Promise<{
  readonly image: TestImage;
  readonly digest: Digest;
  readonly layer: Uint8Array;
}> {
  const image = await imageOf({
    layers: [[{ name: "base", content: "base" }], [{ name: "large", content: noise }]],
    compression: "none",
  });
  for (const [digest, { bytes }] of image.blobs) {
    if (bytes.length > noise.length) return { image, digest, layer: bytes };
  }
  throw new Error("no layer");
}

async function assertNothingButIngests(stack: TestStack): Promise<void> {
  assert.deepEqual(stack.images.list(), []);
  assert.deepEqual(stack.leases.list(), []);
  const active = stack.snapshotter.list().filter(({ kind }) => kind !== "committed");
  assert.deepEqual(active, []);
}

describe("a pull", () => {
  test("of an image that lies about its layers does not get those of other images", async () => {
    const layers = await Promise.all(
      Array.from({ length: 8 }, (_, index) => tarLayer([{ name: `file-${index}`, content: noise }])),
    );
    const diffIds = layers.map(({ diffId }) => diffId);
    const lies = layers.map((layer, index) => ({ ...layer, diffId: diffIds.at(index - 1) ?? layer.diffId }));
    await using server = await startFakeRegistry({ "good:1": imageWith(layers), "liar:1": imageWith(lies) });
    await using stack = await openStack();
    const { layers: kept } = await stack.images.pull({ reference: `${server.host}/good:1` });
    const pullLiar = stack.images.pull({ reference: `${server.host}/liar:1` });
    await assert.rejects(pullLiar, { code: "DataLoss", message: /but the image's config lists/ });
    assert.deepEqual(
      kept.filter(({ digest }) => !stack.content.has(digest)),
      [],
    );
  });

  test("resumes the next time if the registry dies in the middle of a layer", async () => {
    const { image, digest, layer } = await largeImage();
    let dead = true;
    const dies: Misbehaviour = (request, response) => {
      if (!dead || !request.url?.includes(digest)) return false;
      if (request.headers.range === undefined) {
        response.writeHead(200, { "content-length": layer.length });
        response.write(layer.subarray(0, 400_000), () => response.destroy());
      } else {
        response.destroy();
      }
      return true;
    };
    await using server = await startFakeRegistry({ "a:b": image }, dies);
    await using stack = await openStack();
    const reference = `${server.host}/a:b`;
    await assert.rejects(stack.images.pull({ reference }), (error) => {
      assert.match((error as Error).message, /^RegistryUnavailable: /);
      return hasCode("Unavailable")(error);
    });
    await assertNothingButIngests(stack);
    const [ingest] = await stack.content.ingests();
    assert.equal(ingest?.ref, digest);
    assert.ok(ingest.offsetBytes > 0);
    dead = false;
    const pulled = await stack.images.pull({ reference });
    const last = server.requests.findLast(({ url }) => url.includes(digest));
    assert.equal(last?.headers.range, `bytes=${ingest.offsetBytes}-`);
    await stack.inRootfs(pulled, async () => undefined);
    assert.deepEqual(await stack.content.ingests(), []);
  });

  test("reads the whole layer again from a server that cannot resume, and gets it right", async () => {
    const { image, digest, layer } = await largeImage();
    let broken = false;
    await using server = await startFakeRegistry({ "a:b": image }, (request, response) => {
      if (!request.url?.includes(digest)) return false;
      response.writeHead(200, { "content-length": layer.length });
      if (broken) response.end(layer);
      else response.write(layer.subarray(0, 300_000), () => response.destroy());
      broken = true;
      return true;
    });
    await using stack = await openStack();
    const pulled = await stack.images.pull({ reference: `${server.host}/a:b` });
    assert.ok(stack.content.has(digest));
    assert.equal(pulled.layers[1]?.digest, digest);
  });

  test("of a corrupted layer is DataLoss, keeps nothing of it, and works once the registry is repaired", async () => {
    const { image, digest, layer } = await largeImage();
    let corrupt = true;
    await using server = await startFakeRegistry({ "a:b": image }, (request, response) => {
      if (!corrupt || !request.url?.includes(digest)) return false;
      const wrong = Buffer.from(layer);
      wrong.fill(0, 100_000, 100_010);
      response.writeHead(200, { "content-length": wrong.length }).end(wrong);
      return true;
    });
    await using stack = await openStack();
    const reference = `${server.host}/a:b`;
    await assert.rejects(stack.images.pull({ reference }), {
      code: "DataLoss",
      message: new RegExp(
        `^a layer from ${server.host} is wrong: layer ${digest} is corrupt: its bytes have`,
      ),
    });
    await assertNothingButIngests(stack);
    // What had come of the other layer may be resumed.
    assert.ok((await stack.content.ingests()).every(({ ref }) => ref !== digest));
    corrupt = false;
    await stack.images.pull({ reference });
  });

  test("discards damaged bytes of an earlier attempt and starts over", async () => {
    const { image, digest } = await largeImage();
    await using server = await startFakeRegistry({ "a:b": image });
    await using stack = await openStack();
    const leaveDamage = async (): Promise<void> => {
      await using writer = await stack.content.writer(digest);
      await writer.write(Buffer.alloc(50_000, "damaged"));
    };
    await leaveDamage();
    await stack.images.pull({ reference: `${server.host}/a:b` });
    assert.ok(stack.content.has(digest));
  });

  test("fetches a blob again that is damaged on the disk", async () => {
    const { image, digest } = await largeImage();
    await using server = await startFakeRegistry({ "a:b": image });
    await using stack = await openStack();
    const reference = `${server.host}/a:b`;
    const { chainId } = await stack.images.pull({ reference });
    await stack.snapshotter.remove(chainId ?? "");
    await truncate(stack.content.path(digest), 1000);
    const again = await stack.images.pull({ reference });
    await stack.inRootfs(again, async () => undefined);
    assert.equal(stack.content.info(digest).sizeBytes, again.layers[1]?.size);
  });

  test("is refused if the config names other layers than the manifest, and the layers of other images stay", async () => {
    const good = await imageOf();
    const layer = [...good.blobs].find(([, blob]) => blob.mediaType === mediaType.ociLayerGzip)?.[0];
    assert.ok(layer);
    const other = await imageOf({ layers: [[{ name: "other" }]] });
    const document = (image: TestImage): { config: object; layers: object[] } =>
      JSON.parse(Buffer.from(image.blobs.get(image.target.digest)?.bytes ?? []).toString()) as {
        config: object;
        layers: object[];
      };
    const { digestOf } = await import("../../parts/oci/index.ts");
    const bytes = Buffer.from(JSON.stringify({ ...document(other), layers: document(good).layers }));
    const target = { ...other.target, digest: digestOf(bytes), size: bytes.length };
    const evil = {
      target,
      blobs: new Map([
        ...good.blobs,
        ...other.blobs,
        [target.digest, { mediaType: target.mediaType, bytes }] as const,
      ]),
    };
    await using server = await startFakeRegistry({ "good:v1": good, "evil:v1": evil });
    await using stack = await openStack();
    await stack.images.pull({ reference: `${server.host}/good:v1` });
    const pulling = stack.images.pull({ reference: `${server.host}/evil:v1` });
    await assert.rejects(pulling, (error) => {
      assert.match(String(error), /the image's config lists/);
      return hasCode("DataLoss")(error);
    });
    assert.ok(stack.content.has(layer));
  });

  test("of a layer that is not an archive is refused", async () => {
    const image = await imageOf();
    const manifest = JSON.parse(
      Buffer.from(image.blobs.get(image.target.digest)?.bytes ?? []).toString(),
    ) as { layers: { digest: Digest }[] };
    const { digestOf } = await import("../../parts/oci/index.ts");
    const garbage = Buffer.from("this is no tar archive at all".repeat(100));
    const layers = [{ mediaType: mediaType.ociLayer, digest: digestOf(garbage), size: garbage.length }];
    const bytes = Buffer.from(JSON.stringify({ ...manifest, layers }));
    const target = { ...image.target, digest: digestOf(bytes), size: bytes.length };
    const blobs = new Map([
      ...image.blobs,
      [target.digest, { mediaType: target.mediaType, bytes }] as const,
      [digestOf(garbage), { mediaType: mediaType.ociLayer, bytes: garbage }] as const,
    ]);
    await using server = await startFakeRegistry({ "a:b": { target, blobs } });
    await using stack = await openStack();
    await assert.rejects(stack.images.pull({ reference: `${server.host}/a:b` }), hasCode("InvalidArgument"));
    await assertNothingButIngests(stack);
  });

  test("is ResourceExhausted if the disk is too small, frees the space, and works when there is more", async () => {
    // The database keeps 8 MiB for itself.
    await using disk = await smallDisk(32 * 1024 * 1024);
    const content = Buffer.alloc(6_000_000, "berth");
    const image = await imageOf({
      layers: [[{ name: "a", content }], [{ name: "b", content }], [{ name: "c", content }]],
    });
    await using server = await startFakeRegistry({ "a:b": image });
    await using stack = await openStack({ root: disk.path });
    const reference = `${server.host}/a:b`;
    const hog = `${disk.path}/hog`;
    await writeFile(hog, Buffer.alloc(10 * 1024 * 1024));
    await assert.rejects(stack.images.pull({ reference }), hasCode("ResourceExhausted"));
    await assertNothingButIngests(stack);
    await truncate(hog, 0);
    await stack.snapshotter.cleanup();
    await stack.images.pull({ reference });
  });
});

test("a clock that jumps by days removes nothing from a running pull", async (t) => {
  const { image, digest, layer } = await largeImage();
  const held = Promise.withResolvers<() => void>();
  await using server = await startFakeRegistry({ "a:b": image }, (request, response) => {
    if (!request.url?.includes(digest)) return false;
    response.writeHead(200, { "content-length": layer.length });
    response.write(layer.subarray(0, 300_000));
    held.resolve(() => response.end(layer.subarray(300_000)));
    return true;
  });
  await using stack = await openStack();
  const pulling = stack.images.pull({ reference: `${server.host}/a:b` });
  pulling.catch(() => undefined);
  const send = await held.promise;
  await until(async () => (await stack.content.ingests()).some(({ offsetBytes }) => offsetBytes > 0));
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 2 * 86_400_000 });
  const collected = stack.images.collectGarbage();
  await turn();
  send();
  await collected;
  await stack.inRootfs(await pulling, async () => undefined);
});

test("content of an interrupted pull is kept for a day from the next start on", async () => {
  await using directory = await tempDir();
  {
    await using cut = await openStack({ root: directory.path });
    await cut.leases.create({ id: "cut", labels: { "berth/install-target": "sha256:0" } });
    await cut.leases.create({ id: "push", labels: { "berth/held-target": "sha256:0" } });
    await cut.leases.create({ id: "other" });
  }
  await using stack = await openStack({ root: directory.path });
  const ends = new Map(stack.leases.list().map(({ id, expiresAtNs }) => [id, expiresAtNs]));
  for (const id of ["cut", "push"]) assert.ok((ends.get(id) ?? 0n) > BigInt(Date.now()) * 1_000_000n, id);
  assert.equal(ends.get("other"), undefined);
});

describe("concurrent pulls", () => {
  test("of one reference share one download", async () => {
    const { image, digest } = await largeImage();
    await using server = await startFakeRegistry({ "a:b": image });
    await using stack = await openStack();
    const reference = `${server.host}/a:b`;
    const pulled = await Promise.all(Array.from({ length: 5 }, () => stack.images.pull({ reference })));
    assert.equal(new Set(pulled.map(({ id }) => id)).size, 1);
    assert.equal(server.requests.filter(({ url }) => url.includes("/manifests/")).length, 1);
    assert.equal(server.requests.filter(({ url }) => url.includes(digest)).length, 1);
  });

  test("of different images fetch a common layer once", async () => {
    const base = [{ name: "base", content: noise }];
    const images = await Promise.all(
      ["1", "2", "3"].map((name) => imageOf({ layers: [base, [{ name, content: name }]] })),
    );
    const [a, b, c] = images;
    assert.ok(a && b && c);
    await using server = await startFakeRegistry({ "a:b": a, "b:b": b, "c:b": c });
    await using stack = await openStack();
    const pulled = await Promise.all(
      ["a", "b", "c"].map((name) => stack.images.pull({ reference: `${server.host}/${name}:b` })),
    );
    const shared = pulled[0]?.layers[0]?.digest ?? "";
    assert.equal(server.requests.filter(({ url }) => url.includes(shared)).length, 1);
    for (const image of pulled) await stack.inRootfs(image, async () => undefined);
  });

  test("continue when one caller gives up, and stop when the last one does", async () => {
    const { image, digest, layer } = await largeImage();
    const held: (() => void)[] = [];
    let closed = 0;
    await using server = await startFakeRegistry({ "a:b": image }, (request, response) => {
      if (!request.url?.includes(digest)) return false;
      response.writeHead(200, { "content-length": layer.length });
      response.write(layer.subarray(0, 200_000));
      response.on("close", () => closed++);
      held.push(() => response.end(layer.subarray(200_000)));
      return true;
    });
    await using stack = await openStack();
    const reference = `${server.host}/a:b`;
    const pull = (): { abort: AbortController; result: Promise<unknown> } => {
      const abort = new AbortController();
      const result = stack.images.pull({ reference }, abort.signal).catch((error: unknown) => error);
      return { abort, result };
    };
    const [first, second] = [pull(), pull()];
    await until(() => held.length === 1);
    first.abort.abort(new Error("first gives up"));
    assert.match(String(await first.result), /first gives up/);
    assert.equal(closed, 0);
    second.abort.abort(new Error("second gives up"));
    assert.match(String(await second.result), /second gives up/);
    await until(() => closed === 1);
    await until(() => stack.leases.list().length === 0);
    await assertNothingButIngests(stack);

    const [third, fourth] = [pull(), pull()];
    await until(() => held.length === 2);
    third.abort.abort();
    held[1]?.();
    assert.ok(!((await fourth.result) instanceof Error), String(await fourth.result));
  });
});
