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
import { gatherLargeMessages } from "./received-memory.ts";
import { SentMemory } from "./sent-memory.ts";

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

test("a decoder of another form than is known is left as it is", () => {
  const whole = [Buffer.from("whole")];
  for (const state of [
    {},
    { readMessageSize: 100_000 },
    { readMessageSize: "100000", readPartialMessage: [Buffer.alloc(1)] },
    { readMessageSize: 100_000, readPartialMessage: ["text"] },
    { readMessageSize: 100_000, readPartialMessage: [Buffer.alloc(100_001)] },
  ]) {
    class Decoder {
      write(data: Buffer): Buffer[] {
        Object.assign(this, state);
        return data.length === 0 ? [] : whole;
      }
    }
    gatherLargeMessages(Decoder);
    const decoder = new Decoder();
    assert.deepEqual(decoder.write(Buffer.alloc(0)), []);
    assert.equal(decoder.write(Buffer.alloc(1)), whole);
    assert.deepEqual({ ...decoder }, state);
  }
});

test("young objects are collected after every few MiB that came, in messages large or small", () => {
  class Decoder {
    write(): Buffer[] {
      return [];
    }
  }
  let collections = 0;
  gatherLargeMessages(Decoder, () => collections++);
  const decoders: { write(data: Buffer): Buffer[] }[] = [new Decoder(), new Decoder()];
  const pieces = (64 * MiB) / 16_384;
  for (let piece = 0; piece < pieces; piece++) decoders[piece % 2]?.write(Buffer.alloc(16_384));
  assert.equal(collections, 16);
  for (let piece = 0; piece < 100; piece++) decoders[0]?.write(Buffer.alloc(100));
  assert.equal(collections, 16);
});

test("a message's memory is free once it is sent, unless it is shared with others", () => {
  const memory = new SentMemory();
  const serialize = memory.watch((sent) => (sent as Message).data);
  const message = { data: randomBytes(500_000) };
  const own = new Uint8Array(500_005);
  assert.equal(serialize(message).copy(own, 5), 500_000);
  assert.equal(digest(Buffer.from(own.subarray(5))), digest(message.data));
  memory.free(message);
  assert.equal(own.length, 0);

  const small = { data: randomBytes(10) };
  const shared = new Uint8Array(1000).subarray(100, 115);
  serialize(small).copy(shared, 5);
  memory.free(small);
  assert.equal(shared.length, 15);

  const neighbour = { data: randomBytes(500_000) };
  const slab = new Uint8Array(2_000_000);
  serialize(neighbour).copy(slab.subarray(0, 500_005), 5);
  memory.free(neighbour);
  assert.equal(slab.length, 2_000_000);
});

test("a coded message is a buffer as any other to who does not copy it, and nothing of the message is freed", () => {
  const memory = new SentMemory();
  const message = { data: randomBytes(500_000) };
  const coded = memory.watch((sent) => (sent as Message).data)(message);
  assert.ok(Buffer.isBuffer(coded));
  assert.equal(digest(Buffer.concat([coded])), digest(message.data));
  memory.free(message);
  assert.equal(message.data.length, 500_000);
  assert.equal(message.data.copy, Buffer.prototype.copy);
});

test("a message that is coded in parts, as a blob's pieces are, is sent whole, and its memory is free then", () => {
  const memory = new SentMemory();
  const message = contentV1.ReadContentResponse.fromPartial({ offset: 7n, data: randomBytes(500_000) });
  const coded = memory.watch((read) =>
    ContentService.read.responseSerialize(read as contentV1.ReadContentResponse),
  )(message);
  const sent = new Uint8Array(5 + coded.byteLength);
  assert.equal(coded.copy(sent, 5), coded.byteLength);
  assert.deepEqual(contentV1.ReadContentResponse.decode(sent.slice(5)), message);
  memory.free(message);
  assert.equal(sent.length, 0);
});
