import assert from "node:assert/strict";
import { test } from "node:test";
import { BerthError } from "../../ground/errors/index.ts";
import { mediaType } from "../../parts/oci/index.ts";
import { startFakeRegistry } from "../../testing/fake-registry.ts";
import { imageOf } from "../../testing/images.ts";
import { taskLimit } from "../../testing/task-limit.ts";
import { until } from "../../testing/until.ts";
import { openStack } from "./testing/stack.ts";

const hasCode = (code: string) => (error: unknown) => error instanceof BerthError && error.code === code;
const layers = ["a", "b", "c", "d"].map((name) => [{ name, content: name }]);

test("a pull is ResourceExhausted if no thread can be started, and works once one can", async () => {
  await using server = await startFakeRegistry({ "a:b": await imageOf({ layers }) });
  await using stack = await openStack();
  await using limit = await taskLimit();
  const reference = `${server.host}/a:b`;
  for (const more of [0, 1, 2, 3]) {
    await limit.allow(more);
    const result = await stack.images.pull({ reference }).catch((error: unknown) => error);
    if (result instanceof Error) assert.ok(hasCode("ResourceExhausted")(result), String(result));
    if (more === 0) assert.match(String(result), /cannot start thread layers: .*pids\.max/);
    await stack.images.remove(reference);
    await stack.images.collectGarbage();
  }
  await limit.allow(100);
  await stack.inRootfs(await stack.images.pull({ reference }), async () => undefined);
});

test("slow layers of one registry do not delay other images", async () => {
  const names = ["a", "b", "c", "d", "e"];
  const images = await Promise.all(
    names.map(async (image) => {
      const slow = names.map((layer) => [{ name: `${image}-${layer}`, content: image }]);
      return [`${image}:v1`, await imageOf({ layers: slow })] as const;
    }),
  );
  const layerBytes = new Map(
    images.flatMap(([, { blobs }]) =>
      [...blobs].filter(([, { mediaType: type }]) => type === mediaType.ociLayerGzip),
    ),
  );
  const stuck: string[] = [];
  await using slow = await startFakeRegistry(Object.fromEntries(images), ({ url = "" }, response) => {
    const [digest, blob] = [...layerBytes].find(([each]) => url.includes(each)) ?? [];
    if (digest === undefined || blob === undefined) return false;
    response.writeHead(200, { "content-length": blob.bytes.length }).write(blob.bytes.subarray(0, 1));
    stuck.push(digest);
    return true;
  });
  await using good = await startFakeRegistry({ "good:v1": await imageOf({ layers }) });
  await using stack = await openStack({ maxConcurrentLayers: 4, registry: { progressTimeoutMs: 600_000 } });
  const leave = new AbortController();
  const waiting = images.map(([name]) =>
    stack.images.pull({ reference: `${slow.host}/${name}` }, leave.signal).catch(() => undefined),
  );
  await until(() => stuck.length >= 16);
  await stack.inRootfs(await stack.images.pull({ reference: `${good.host}/good:v1` }), async () => undefined);
  leave.abort();
  await Promise.all(waiting);
});
