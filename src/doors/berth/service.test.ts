import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type ClientReadableStream, credentials, status } from "@grpc/grpc-js";
import { EngineError } from "../../engines/engine/index.ts";
import { GrpcServer } from "../../ground/grpc/index.ts";
import { createLogger } from "../../ground/logging/index.ts";
import { berthV1 } from "../../ground/protocol/index.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { until } from "../../testing/until.ts";
import { MemoryEngine } from "../cri/testing/memory-engine.ts";
import { container, image, imageId } from "../cri/testing/samples.ts";
import { openBerthService } from "./index.ts";
import { MemoryFiles } from "./testing/memory-files.ts";

async function serve() {
  const dir = await tempDir();
  const socketPath = join(dir.path, "berth.sock");
  const engine = new MemoryEngine();
  const { files, mounts } = new MemoryFiles();
  const spoolDir = join(dir.path, "spool");
  await mkdir(join(spoolDir, "import-cut"), { recursive: true });
  await writeFile(join(spoolDir, "import-cut", "archive"), "half of an archive");
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({ level: "debug", format: "json", destination });
  const server = new GrpcServer({
    services: [await openBerthService({ engine, files, mounts, spoolDir })],
    logger,
  });
  await server.listen(socketPath);
  const client = new berthV1.BerthClient(`unix:${socketPath}`, credentials.createInsecure(), {
    "grpc.default_authority": "localhost",
  });
  return {
    engine,
    server,
    client,
    spoolDir,
    logged: (): readonly Readonly<Record<string, unknown>>[] => lines.map((line) => JSON.parse(line)),
    [Symbol.asyncDispose]: async () => {
      client.close();
      await server.close(0);
      await dir[Symbol.asyncDispose]();
    },
  };
}

function pull(
  client: berthV1.BerthClient,
  request: Parameters<typeof berthV1.PullImageRequest.fromPartial>[0],
) {
  return client.pullImage(berthV1.PullImageRequest.fromPartial(request));
}

async function messagesOf(
  call: ClientReadableStream<berthV1.PullImageResponse>,
): Promise<berthV1.PullImageResponse[]> {
  const messages: berthV1.PullImageResponse[] = [];
  for await (const message of call) messages.push(message);
  return messages;
}

function importing(client: berthV1.BerthClient, requests: readonly Partial<berthV1.ImportImageRequest>[]) {
  const { promise, resolve, reject } = Promise.withResolvers<berthV1.ImportImageResponse>();
  const call = client.importImage((error, response) => (error === null ? resolve(response) : reject(error)));
  for (const request of requests) call.write(berthV1.ImportImageRequest.fromPartial(request));
  call.end();
  return promise;
}

test("an archive that was being received when the daemon died is cleared away", async () => {
  await using berth = await serve();
  assert.deepEqual(await readdir(berth.spoolDir).catch(() => []), []);
});

test("a pull ends with the image's id, after what was done on the way", async () => {
  await using berth = await serve();
  const { digest } = image().manifest;
  berth.engine.pull = async ({ onProgress }) => {
    onProgress?.({ kind: "resolved", layers: [{ mediaType: "", digest, size: 10 }] });
    onProgress?.({ kind: "layer", digest, state: "done", receivedBytes: 10, totalBytes: 10 });
    return image();
  };
  const [resolved, layer, done] = await messagesOf(pull(berth.client, { reference: "busybox" }));
  assert.deepEqual(resolved?.resolved?.layers, [{ digest, size: 10n }]);
  assert.equal(layer?.layer?.state, berthV1.LayerState.LAYER_STATE_DONE);
  assert.equal(done?.done?.imageRef, imageId);
});

test("of a layer's figures only the newest is sent", async () => {
  await using berth = await serve();
  const { digest } = image().manifest;
  berth.engine.pull = async ({ onProgress }) => {
    for (let received = 0; received <= 1000; received++) {
      onProgress?.({
        kind: "layer",
        digest,
        state: "downloading",
        receivedBytes: received,
        totalBytes: 1000,
      });
    }
    return image();
  };
  const messages = await messagesOf(pull(berth.client, { reference: "busybox" }));
  assert.deepEqual(
    messages.map(({ layer }) => layer?.receivedBytes),
    [1000n, undefined],
  );
});

for (const [kind, credentials, expected] of [
  ["basic", { basic: { username: "u", password: "p" } }, { kind: "basic", username: "u", password: "p" }],
  ["identity token", { identityToken: "t" }, { kind: "identityToken", token: "t" }],
  ["registry token", { registryToken: "t" }, { kind: "registryToken", token: "t" }],
  ["no", undefined, undefined],
] as const) {
  test(`${kind} credentials arrive as they were given`, async () => {
    await using berth = await serve();
    let given: unknown;
    berth.engine.pull = async (request) => {
      given = request.credentials;
      return image();
    };
    await messagesOf(
      pull(berth.client, { reference: "busybox", ...(credentials === undefined ? {} : { credentials }) }),
    );
    assert.deepEqual(given, expected);
  });
}

test("a client that goes away ends its pull", async () => {
  await using berth = await serve();
  let signal: AbortSignal | undefined;
  berth.engine.pull = (_, given) => {
    signal = given;
    return new Promise((_, reject) => given?.addEventListener("abort", () => reject(given.reason)));
  };
  const call = pull(berth.client, { reference: "busybox" });
  const ended = messagesOf(call);
  await until(() => signal !== undefined);
  call.cancel();
  await assert.rejects(ended, { code: status.CANCELLED });
  await until(() => signal?.aborted === true);
});

test("a push ends with what stands in the registry, after what was done on the way", async () => {
  await using berth = await serve();
  const { digest } = image().manifest;
  let given: unknown;
  berth.engine.push = async ({ onProgress, ...request }) => {
    given = request;
    onProgress?.({ kind: "resolved", blobs: [{ mediaType: "", digest, size: 10 }] });
    onProgress?.({ kind: "blob", digest, state: "mounted", sentBytes: 0, totalBytes: 10 });
    return { reference: "r.example/a:1", digest };
  };
  const request = {
    image: "busybox",
    destination: "r.example/a:1",
    platform: "linux/arm64/v8",
    credentials: { basic: { username: "u", password: "p" } },
  };
  const call = berth.client.pushImage(berthV1.PushImageRequest.fromPartial(request));
  const messages: berthV1.PushImageResponse[] = [];
  for await (const message of call) messages.push(message);
  assert.deepEqual(messages[0]?.resolved?.blobs, [{ digest, size: 10n }]);
  assert.equal(messages[1]?.blob?.state, berthV1.BlobState.BLOB_STATE_MOUNTED);
  assert.deepEqual(messages[2]?.done, { reference: "r.example/a:1", digest });
  assert.deepEqual(given, {
    image: "busybox",
    destination: "r.example/a:1",
    platform: { os: "linux", architecture: "arm64" },
    credentials: { kind: "basic", username: "u", password: "p" },
  });
  assert.ok(!JSON.stringify(berth.logged()).includes('"p"'), "no password in the log");
});

for (const [what, request] of [
  ["of a platform that is none", { platform: "arm" }],
  ["of a platform and of all", { platform: "linux/arm64", allPlatforms: true }],
] as const) {
  test(`a push ${what} is refused`, async () => {
    await using berth = await serve();
    const call = berth.client.pushImage(berthV1.PushImageRequest.fromPartial({ image: "a", ...request }));
    await assert.rejects(once(call, "data"), { code: status.INVALID_ARGUMENT });
  });
}

test("a tag is given, and told in full", async () => {
  await using berth = await serve();
  berth.engine.images.tag = async (name, tag) => `${name} ${tag}`;
  const answer = Promise.withResolvers<berthV1.TagImageResponse>();
  berth.client.tagImage({ image: "busybox", tag: "a:1" }, (error, response) =>
    error === null ? answer.resolve(response) : answer.reject(error),
  );
  assert.deepEqual(await answer.promise, { reference: "busybox a:1" });
});

for (const [what, requests, reason] of [
  ["nothing", [], /neither a path nor/],
  ["a relative path", [{ path: "app.tar" }], /"app\.tar" is not an absolute path/],
  [
    "a path behind bytes",
    [{ chunk: Buffer.from("x") }, { path: "/app.tar" }],
    /a path must be the first and only message/,
  ],
] as const) {
  test(`an import of ${what} is refused, and leaves nothing behind`, async () => {
    await using berth = await serve();
    await assert.rejects(importing(berth.client, requests), {
      code: status.INVALID_ARGUMENT,
      details: reason,
    });
    assert.deepEqual(await readdir(berth.spoolDir).catch(() => []), []);
  });
}

test("an import that is given up leaves nothing behind", async () => {
  await using berth = await serve();
  const call = berth.client.importImage(() => {});
  call.write(berthV1.ImportImageRequest.fromPartial({ chunk: Buffer.from("x") }));
  await until(async () => (await readdir(berth.spoolDir).catch(() => [])).length === 1);
  call.cancel();
  await until(async () => (await readdir(berth.spoolDir)).length === 0);
});

test("an image is pinned, or no longer, and one that is not here is NOT_FOUND", async () => {
  await using berth = await serve();
  berth.engine.imageTable.push(image());
  const pin = (request: berthV1.PinImageRequest) =>
    new Promise<berthV1.PinImageResponse>((resolve, reject) => {
      berth.client.pinImage(request, (error, answer) => (error === null ? resolve(answer) : reject(error)));
    });
  assert.deepEqual(await pin({ image: imageId, pinned: true }), { id: imageId, pinned: true });
  assert.equal(berth.engine.images.find(imageId)?.pinned, true);
  assert.deepEqual(await pin({ image: imageId, pinned: false }), { id: imageId, pinned: false });
  await assert.rejects(pin({ image: "none", pinned: true }), { code: status.NOT_FOUND });
});

test("closing waits for a pull and an import in flight, and ends a hold", async () => {
  await using berth = await serve();
  const finish = Promise.withResolvers<void>();
  using failing = new DisposableStack();
  failing.defer(finish.resolve);
  let entered = 0;
  const pulling = async () => {
    entered++;
    await finish.promise;
  };
  berth.engine.pull = async () => {
    await pulling();
    return image();
  };
  berth.engine.importArchive = async () => {
    await pulling();
    return [image()];
  };
  const held = container();
  berth.engine.containerTable.set(held.id, held);
  const pulled = messagesOf(pull(berth.client, { reference: "busybox" }));
  const imported = importing(berth.client, [{ path: "/app.tar" }]);
  const hold = berth.client.holdContainer({ containerId: held.id });
  await once(hold, "data");
  const released = once(hold, "error");
  await until(() => entered === 2);
  const closed = berth.server.close(60_000);
  assert.equal((await released)[0].code, status.UNAVAILABLE);
  finish.resolve();
  assert.equal((await pulled).at(-1)?.done?.imageRef, imageId);
  assert.equal((await imported).images[0]?.id, imageId);
  await closed;
});

test("an image is held for as long as its stream is open, whether it is here or not", async () => {
  await using berth = await serve();
  const hold = berth.client.holdImage({ image: "busybox" });
  hold.on("error", () => {});
  await once(hold, "data");
  assert.deepEqual([...berth.engine.heldIds], ["busybox"]);
  hold.cancel();
  await until(() => berth.engine.heldIds.size === 0);
});

test("a call of this door has its lines in the log", async () => {
  await using berth = await serve();
  berth.engine.pull = () => Promise.reject(new EngineError("NotFound", "no such image"));
  await assert.rejects(messagesOf(pull(berth.client, { reference: "busybox" })), { code: status.NOT_FOUND });
  const lines = berth.logged().filter(({ method }) => method === "PullImage");
  assert.deepEqual(
    lines.map(({ msg }) => msg),
    ["call", "refused"],
  );
  assert.match(String(lines[0]?.requestId), /^[0-9a-f]{16}$/);
});
