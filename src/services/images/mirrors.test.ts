import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Digest } from "../../parts/oci/index.ts";
import { type FakeRegistry, type Misbehaviour, startFakeRegistry } from "../../testing/fake-registry.ts";
import { imageOf, type TestImage } from "../../testing/images.ts";
import { pushImage, startRegistry } from "../../testing/registry.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { openStack } from "./testing/stack.ts";

const noise = (seed: number): Buffer =>
  Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7919 + seed * (index >> 3)) & 0xff));
const layersOf = ({ blobs }: TestImage): readonly (readonly [Digest, Uint8Array])[] =>
  [...blobs].flatMap(([digest, { bytes }]) => (bytes.length > 100_000 ? [[digest, bytes] as const] : []));

const twoLayers = () =>
  imageOf({
    layers: [[{ name: "a", content: noise(3) }], [{ name: "b", content: noise(5) }]],
    compression: "none",
  });

/** Images of `registry.example`, of which hosts.toml says that. */
async function openStackWith(hostsToml: string, directory = "registry.example") {
  await using undo = new AsyncDisposableStack();
  const certs = undo.use(await tempDir());
  await mkdir(join(certs.path, directory));
  await writeFile(join(certs.path, directory, "hosts.toml"), hostsToml);
  // One layer after the other, so that the second comes when the first has shown what the mirror is.
  const stack = undo.use(await openStack({ registry: { certsDirs: [certs.path] }, maxConcurrentLayers: 1 }));
  const parts = undo.move();
  return { ...stack, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

const layersAsked = ({ requests }: FakeRegistry, image: TestImage) =>
  requests.filter(({ url }) => layersOf(image).some(([digest]) => url.includes(digest)));

/** Pulls an image of two layers from a registry that has a mirror before it. */
async function pullBehind(misbehave: (image: TestImage) => Misbehaviour) {
  const image = await twoLayers();
  await using registry = await startRegistry();
  await pushImage(registry, "app", "v1", image);
  await using mirror = await startFakeRegistry({ "app:v1": image }, misbehave(image));
  await using stack = await openStackWith(
    `server = "http://${registry.host}"\n[host."http://${mirror.host}"]\n`,
  );
  const pulled = await stack.images.pull({ reference: "registry.example/app:v1" });
  await stack.inRootfs(pulled, async () => undefined);
  return { asked: layersAsked(mirror, image) };
}

/** Answers requests for layers. */
const ofLayers =
  (answer: (bytes: Uint8Array, ...parameters: Parameters<Misbehaviour>) => void) =>
  (image: TestImage): Misbehaviour =>
  (request, response) => {
    const found = layersOf(image).find(([digest]) => request.url?.includes(digest));
    if (found === undefined) return false;
    answer(found[1], request, response);
    return true;
  };

const withWrongLayers = ofLayers((bytes, _request, response) => {
  const wrong = Buffer.from(bytes).fill(7, 100_000);
  response.writeHead(200, { "content-length": wrong.length }).end(wrong);
});

describe("a pull", () => {
  test("falls back to the registry if a mirror sends wrong bytes, and the next pull does so at once", async () => {
    const { asked } = await pullBehind(withWrongLayers);
    assert.equal(asked.length, 1);
  });

  test("from only a mirror requests a layer once if it is wrong there", async () => {
    const image = await twoLayers();
    await using mirror = await startFakeRegistry({ "app:v1": image }, withWrongLayers(image));
    await using stack = await openStackWith(`server = "http://${mirror.host}"\n`, "_default");
    await assert.rejects(stack.images.pull({ reference: "registry.example/app:v1" }), {
      code: "DataLoss",
      message: /^a layer from 127\.0\.0\.1:\d+ is wrong/,
    });
    assert.equal(layersAsked(mirror, image).length, 1);
  });

  test("from only mirrors gets layers from the last one if another sends wrong bytes", async () => {
    const image = await twoLayers();
    await using mirror = await startFakeRegistry({ "app:v1": image }, withWrongLayers(image));
    await using last = await startFakeRegistry({ "app:v1": image });
    await using stack = await openStackWith(
      `server = "http://${last.host}"\n[host."http://${mirror.host}"]\n`,
      "_default",
    );
    await stack.images.pull({ reference: "registry.example/app:v1" });
    assert.equal(layersAsked(mirror, image).length, 1);
  });

  test("asks a mirror again that sent the rest of a layer whose first bytes were damaged", async () => {
    const image = await twoLayers();
    await using registry = await startFakeRegistry({});
    await using mirror = await startFakeRegistry({ "app:v1": image });
    await using stack = await openStackWith(
      `server = "http://${registry.host}"\n[host."http://${mirror.host}"]\n`,
    );
    const leaveDamage = async (digest: Digest): Promise<void> => {
      await using writer = await stack.content.writer(digest);
      await writer.write(Buffer.alloc(50_000, "damaged"));
    };
    for (const [digest] of layersOf(image)) await leaveDamage(digest);
    await stack.images.pull({ reference: "registry.example/app:v1" });
  });

  test("gets the rest from the registry if a mirror sends a part, too much, a web page, or another document", async () => {
    const answers = [
      ofLayers((bytes, _request, response) => {
        response.writeHead(200, { "content-length": bytes.length });
        response.write(bytes.subarray(0, 100_000), () => response.destroy());
      }),
      ofLayers((bytes, _request, response) => {
        response.writeHead(200);
        response.write(bytes);
        response.end("and more");
      }),
      (): Misbehaviour => (_request, response) => {
        response.writeHead(200, { "content-type": "text/html" }).end("<html>Who are you?</html>");
        return true;
      },
      (): Misbehaviour => (_request, response) => {
        response.writeHead(200, { "content-type": "application/json" }).end('{"error": "log in first"}');
        return true;
      },
    ];
    for (const misbehave of answers) await pullBehind(misbehave);
  });
});

for (const [what, type, body] of [
  ["a web page", "text/html", "<html>Who are you?</html>"],
  ["another document", "application/json", '{"error": "log in first"}'],
] as const)
  test(`${what} instead of a manifest is refused with the host's name if no other host has the manifest`, async () => {
    await using server = await startFakeRegistry({}, (_request, response) => {
      response.writeHead(200, { "content-type": type }).end(body);
      return true;
    });
    await using stack = await openStack();
    await assert.rejects(stack.images.pull({ reference: `${server.host}/app:v1` }), {
      code: "DataLoss",
      message: new RegExp(`^resolving \\S+: 127\\.0\\.0\\.1:\\d+: sent ${type} that is not a manifest`),
    });
  });
