import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Digest } from "../../parts/oci/index.ts";
import { type Misbehaviour, startFakeRegistry } from "../../testing/fake-registry.ts";
import { imageOf, type TestImage } from "../../testing/images.ts";
import { pushImage, startRegistry } from "../../testing/registry.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { openStack } from "./testing/stack.ts";

const noise = (seed: number): Buffer =>
  Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7919 + seed * (index >> 3)) & 0xff));
const layersOf = ({ blobs }: TestImage): readonly (readonly [Digest, Uint8Array])[] =>
  [...blobs].flatMap(([digest, { bytes }]) => (bytes.length > 100_000 ? [[digest, bytes] as const] : []));

/** Pulls an image of two layers from a registry that has a mirror before it. */
async function pullBehind(misbehave: (image: TestImage) => Misbehaviour) {
  const image = await imageOf({
    layers: [[{ name: "a", content: noise(3) }], [{ name: "b", content: noise(5) }]],
    compression: "none",
  });
  await using registry = await startRegistry();
  await pushImage(registry, "app", "v1", image);
  await using mirror = await startFakeRegistry({ "app:v1": image }, misbehave(image));
  await using certs = await tempDir();
  const directory = join(certs.path, "registry.example");
  await mkdir(directory);
  await writeFile(
    join(directory, "hosts.toml"),
    `server = "http://${registry.host}"\n[host."http://${mirror.host}"]\n`,
  );
  // One after the other, so that the second comes when the first has shown what the mirror is.
  await using stack = await openStack({ registry: { certsDirs: [certs.path] }, maxConcurrentLayers: 1 });
  const pulled = await stack.images.pull({ reference: "registry.example/app:v1" });
  await stack.inRootfs(pulled, async () => undefined);
  const asked = mirror.requests.filter(({ url }) => layersOf(image).some(([digest]) => url.includes(digest)));
  return { image, asked };
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

describe("a pull", () => {
  test("from a mirror that sends other bytes gets the layer from the registry, and the next one at once", async () => {
    const { asked } = await pullBehind(
      ofLayers((bytes, _request, response) => {
        const wrong = Buffer.from(bytes).fill(7, 100_000);
        response.writeHead(200, { "content-length": wrong.length }).end(wrong);
      }),
    );
    assert.equal(asked.length, 1);
  });

  test("gets the rest from the registry where a mirror sends only a part, more than all, or a page", async () => {
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
    ];
    for (const misbehave of answers) await pullBehind(misbehave);
  });
});

test("a page in place of a manifest is refused in words where nobody else has one", async () => {
  await using server = await startFakeRegistry({}, (_request, response) => {
    response.writeHead(200, { "content-type": "text/html" }).end("<html>Who are you?</html>");
    return true;
  });
  await using stack = await openStack();
  await assert.rejects(stack.images.pull({ reference: `${server.host}/app:v1` }), {
    code: "DataLoss",
    message: /^resolving \S+: 127\.0\.0\.1:\d+: sent text\/html that is not a manifest/,
  });
});
