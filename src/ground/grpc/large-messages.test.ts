import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { Client, type ClientOptions, compressionAlgorithms, credentials } from "@grpc/grpc-js";
import { tempDir } from "../../testing/temp-dir.ts";
import { createLogger } from "../logging/index.ts";
import { ContentService, contentV1 } from "../protocol/containerd.ts";
import { defineService, GrpcServer } from "./index.ts";
import { freeMemory, MessageDecoder, prefixed } from "./messages.ts";
import { receivedGarbage } from "./received-garbage.ts";

type Message = { readonly data: Buffer };

const codec = {
  requestSerialize: ({ data }: Message) => data,
  requestDeserialize: (data: Buffer): Message => ({ data }),
  responseSerialize: ({ data }: Message) => data,
  responseDeserialize: (data: Buffer): Message => ({ data }),
};
const BytesService = {
  echo: { path: "/test.Bytes/Echo", requestStream: true, responseStream: true, ...codec },
} as const;

const digest = (data: Buffer) => createHash("sha256").update(data).digest("hex");

/** A server that sends back what it gets, and a client of it. */
async function echoing() {
  const stack = new AsyncDisposableStack();
  const dir = stack.use(await tempDir());
  const service = defineService(
    BytesService,
    {
      async *echo(messages: AsyncIterable<Message>) {
        for await (const { data } of messages) yield { data };
      },
    },
    { oneByOne: ["echo"] },
  );
  const logger = createLogger({ level: "fatal", format: "json", destination: { write: () => undefined } });
  const server = stack.use(new GrpcServer({ services: [service], logger }));
  const path = join(dir.path, "bytes.sock");
  await server.listen(path);
  const call = (options: ClientOptions = {}) => {
    const client = new Client(`unix:${path}`, credentials.createInsecure(), {
      "grpc.default_authority": "localhost",
      "grpc.max_receive_message_length": -1,
      ...options,
    });
    stack.defer(() => client.close());
    const { requestSerialize, responseDeserialize } = BytesService.echo;
    return () => client.makeBidiStreamRequest(BytesService.echo.path, requestSerialize, responseDeserialize);
  };
  return { call, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

type EchoCall = ReturnType<ReturnType<Awaited<ReturnType<typeof echoing>>["call"]>>;

/** Sends messages of these sizes; resolves when they have come back as they were. */
async function echo(call: EchoCall, sizes: readonly number[], onMessage = async () => {}): Promise<void> {
  const sent = sizes.map((size) => ({ data: randomBytes(size) }));
  for (const message of sent) call.write(message);
  call.end();
  const came: string[] = [];
  for await (const { data } of call as AsyncIterable<Message>) {
    came.push(digest(data));
    await onMessage();
  }
  assert.deepEqual(
    came,
    sent.map(({ data }) => digest(data)),
  );
}

const MiB = 1024 * 1024;
const sizes = [0, 7, 65_536, 3 * MiB, 65_531, MiB, MiB, 5, 6 * MiB + 1, 65_535, 100_000, 0];

test("messages of all sizes come whole in both directions, on several streams of one connection", async () => {
  await using echoes = await echoing();
  const call = echoes.call();
  await Promise.all([echo(call(), sizes), echo(call(), sizes.toReversed())]);
});

test("messages that the client compresses come whole", async () => {
  await using echoes = await echoing();
  const call = echoes.call({ "grpc.default_compression_algorithm": compressionAlgorithms.gzip });
  await echo(call(), sizes);
});

test("messages come whole to a client that takes them slowly, beside calls that are given up in the middle", async () => {
  await using echoes = await echoing();
  const call = echoes.call();
  await echo(call(), Array(8).fill(MiB + 3), async () => {
    const other = call();
    const over = once(other, "error");
    other.write({ data: randomBytes(4 * MiB) });
    // Some of it is on its way back, or none yet.
    await Promise.race([once(other, "data"), setTimeout(5)]);
    other.cancel();
    const [error] = await over;
    assert.match(error.message, /CANCELLED/);
  });
});

test("young objects are collected after every few MiB that came", () => {
  let collections = 0;
  const received = receivedGarbage(() => collections++);
  for (let piece = 0; piece < 64 * 64; piece++) received(16_384);
  assert.equal(collections, 16);
  for (let piece = 0; piece < 100; piece++) received(100);
  assert.equal(collections, 16);
});

test("a large message's memory is free once it is sent, and that of a small one is left to those who share it", () => {
  const large = { data: randomBytes(500_000) };
  const framed = prefixed(large.data);
  assert.equal(digest(framed.subarray(5)), digest(large.data));
  freeMemory(framed);
  assert.equal(framed.length, 0);
  assert.equal(large.data.length, 500_000);

  const small = prefixed(randomBytes(10));
  freeMemory(small);
  assert.equal(small.length, 15);
});

test("a message that is coded in parts, as a blob's pieces are, is sent whole", () => {
  const message = contentV1.ReadContentResponse.fromPartial({ offset: 7n, data: randomBytes(500_000) });
  const framed = prefixed(ContentService.read.responseSerialize(message));
  assert.deepEqual(contentV1.ReadContentResponse.decode(framed.subarray(5)), message);
});

test("messages are found in bytes however they are cut, and one that is too large before it has come", () => {
  const sent = [Buffer.from("a"), Buffer.alloc(0), Buffer.from("bcd"), randomBytes(70_000)];
  const bytes = Buffer.concat(sent.map((message) => prefixed(message)));
  for (const cut of [1, 2, 5, 6, 7, 1000, bytes.length]) {
    const decoder = new MessageDecoder(70_000);
    const found: string[] = [];
    for (let at = 0; at < bytes.length; at += cut)
      for (const { bytes: message } of decoder.messagesIn(bytes.subarray(at, at + cut)))
        found.push(digest(message));
    assert.deepEqual(found, sent.map(digest));
    assert.equal(decoder.isWithin, false);
    decoder.messagesIn(Buffer.of(0));
    assert.equal(decoder.isWithin, true);
  }
  const decoder = new MessageDecoder(70_000);
  assert.throws(() => decoder.messagesIn(Buffer.from([0, 0, 1, 0x11, 0x71])), { code: "ResourceExhausted" });
});
