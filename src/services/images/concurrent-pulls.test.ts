import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { BerthError } from "../../ground/errors/index.ts";
import type { Digest } from "../../parts/oci/index.ts";
import { type FakeRegistry, startFakeRegistry } from "../../testing/fake-registry.ts";
import { imageOf, type TestImage } from "../../testing/images.ts";
import { until } from "../../testing/until.ts";
import type { Images, PullProgress } from "./index.ts";
import { openStack } from "./testing/stack.ts";

const file = (name: string) => [{ name, content: name }];
const hasCode = (code: string) => (error: unknown) => error instanceof BerthError && error.code === code;

/** Digests of an image's layers, bottom first. */
function layersOf(image: TestImage): readonly Digest[] {
  const bytes = image.blobs.get(image.target.digest)?.bytes ?? new Uint8Array();
  const { layers } = JSON.parse(Buffer.from(bytes).toString()) as { layers: { digest: Digest }[] };
  return layers.map(({ digest }) => digest);
}

/**
 * Two images of three layers and of the lower two of them, in a registry that answers for a blob when its
 * gate opens.
 */
async function overlapping() {
  const [one, two] = await Promise.all([
    imageOf({ layers: [file("lowest"), file("middle"), file("top")] }),
    imageOf({ layers: [file("lowest"), file("middle")] }),
  ]);
  const gates = new Map(layersOf(one).map((digest) => [digest, Promise.withResolvers<boolean>()]));
  const server = await startFakeRegistry({ "one:v1": one, "two:v1": two }, async (request, response) => {
    const [, gate] = [...gates].find(([digest]) => request.url?.includes(digest)) ?? [];
    if ((await gate?.promise) !== false) return false;
    response.writeHead(404).end();
    return true;
  });
  const [lowest, middle, top] = gates.values();
  assert.ok(lowest && middle && top);
  return { one, server, lowest, middle, top };
}

/** Resolves once the pull has been told of its layers, or of one that another pull is fetching. */
async function join(images: Images, reference: string, event: "resolved" | "layer", signal?: AbortSignal) {
  let joined = false;
  const onProgress = ({ kind }: PullProgress): void => {
    joined ||= kind === event;
  };
  const pulled = images.pull({ reference, onProgress }, signal);
  pulled.catch(() => undefined);
  await until(() => joined);
  await turn();
  return { pulled };
}

function isAsked(server: FakeRegistry, what: string): Promise<true> {
  return until(() => server.requests.some(({ url }) => url.includes(what)));
}

describe("a pull that shares layers with another", () => {
  test("does not fail because of a missing layer that only the other needs", async () => {
    const { one, server, lowest, middle, top } = await overlapping();
    await using _server = server;
    await using stack = await openStack();
    const first = stack.images.pull({ reference: `${server.host}/one:v1` });
    first.catch(() => undefined);
    await isAsked(server, layersOf(one)[2] ?? "");
    const { pulled } = await join(stack.images, `${server.host}/two:v1`, "layer");
    top.resolve(false);
    await assert.rejects(first, hasCode("NotFound"));
    middle.resolve(true);
    lowest.resolve(true);
    await stack.inRootfs(await pulled, async () => undefined);
  });

  test("continues when the pull that started the layers is cancelled", async () => {
    const { one, server, lowest, middle } = await overlapping();
    await using _server = server;
    await using stack = await openStack();
    const leaver = new AbortController();
    const first = stack.images.pull({ reference: `${server.host}/one:v1` }, leaver.signal);
    first.catch(() => undefined);
    await isAsked(server, layersOf(one)[1] ?? "");
    const { pulled } = await join(stack.images, `${server.host}/two:v1`, "layer");
    leaver.abort(new Error("given up"));
    await assert.rejects(first, /given up/);
    middle.resolve(true);
    lowest.resolve(true);
    await stack.inRootfs(await pulled, async () => undefined);
  });

  test("gets from its own registry what the other's lacks", async () => {
    const { one, server, lowest, middle, top } = await overlapping();
    await using _server = server;
    await using whole = await startFakeRegistry({ "one:v1": one });
    await using stack = await openStack();
    const first = stack.images.pull({ reference: `${server.host}/one:v1` });
    first.catch(() => undefined);
    await isAsked(server, layersOf(one)[0] ?? "");
    const { pulled } = await join(stack.images, `${whole.host}/one:v1`, "layer");
    for (const gate of [lowest, middle, top]) gate.resolve(false);
    await assert.rejects(first, hasCode("NotFound"));
    await stack.inRootfs(await pulled, async () => undefined);
    assert.equal(server.requests.filter(({ url }) => url.includes(layersOf(one)[0] ?? "")).length, 1);
  });

  test("is not hurt when the other gets wrong bytes of a layer that both have at another place", async () => {
    await using stack = await openStack();
    // What would go wrong is a race.
    for (let round = 0; round < 10; round++) {
      const shared = file(`shared${round}`);
      const alone = await imageOf({ layers: [shared] });
      const onTop = await imageOf({ layers: [file(`below${round}`), shared] });
      const [layer = ""] = layersOf(alone);
      const gate = Promise.withResolvers<void>();
      await using wrong = await startFakeRegistry({ "alone:v1": alone }, async ({ url = "" }, response) => {
        if (!url.includes(layer)) return false;
        await gate.promise;
        response.end(Buffer.alloc(alone.blobs.get(layer as Digest)?.bytes.length ?? 0));
        return true;
      });
      await using right = await startFakeRegistry({ "top:v1": onTop });
      const first = stack.images.pull({ reference: `${wrong.host}/alone:v1` });
      first.catch(() => undefined);
      await isAsked(wrong, layer);
      const second = stack.images.pull({ reference: `${right.host}/top:v1` });
      second.catch(() => undefined);
      await until(() => stack.content.has(layersOf(onTop)[0] as Digest));
      gate.resolve();
      await assert.rejects(first, hasCode("DataLoss"));
      await stack.inRootfs(await second, async () => undefined);
      assert.deepEqual(await stack.content.ingests(), []);
    }
  });

  test("does not wait for the other's layers when it is cancelled before its own could start", async () => {
    const { one, server } = await overlapping();
    await using _server = server;
    await using stack = await openStack({ maxConcurrentLayers: 1 });
    const leaver = new AbortController();
    const first = stack.images.pull({ reference: `${server.host}/one:v1` }, leaver.signal);
    first.catch(() => undefined);
    await isAsked(server, layersOf(one)[0] ?? "");
    const other = new AbortController();
    const { pulled } = await join(stack.images, `${server.host}/two:v1`, "layer", other.signal);
    leaver.abort(new Error("given up"));
    await assert.rejects(first, /given up/);
    other.abort();
    await assert.rejects(pulled);
  });
});

test("a caller that joins a pull gets its progress, even after callers without a listener have left it", async () => {
  const { one, server, lowest, middle, top } = await overlapping();
  await using _server = server;
  await using stack = await openStack();
  const reference = `${server.host}/one:v1`;
  const first = stack.images.pull({ reference });
  await isAsked(server, layersOf(one)[0] ?? "");
  const leaver = new AbortController();
  const second = stack.images.pull({ reference }, leaver.signal);
  leaver.abort(new Error("left"));
  await assert.rejects(second, /left/);
  const { pulled } = await join(stack.images, reference, "resolved");
  for (const gate of [lowest, middle, top]) gate.resolve(true);
  assert.equal((await pulled).id, (await first).id);
});
