import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { test } from "node:test";
import { Client, credentials } from "@grpc/grpc-js";
import { tempDir } from "../../testing/temp-dir.ts";
import { createLogger } from "../logging/index.ts";
import { defineService, GrpcServer } from "./index.ts";
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

test("messages of all sizes come whole in both directions, on several streams of one connection", async () => {
  await using dir = await tempDir();
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
  await using server = new GrpcServer({ services: [service], logger });
  const path = join(dir.path, "bytes.sock");
  await server.listen(path);
  const client = new Client(`unix:${path}`, credentials.createInsecure(), {
    "grpc.default_authority": "localhost",
    "grpc.max_receive_message_length": -1,
  });
  try {
    const MiB = 1024 * 1024;
    const sizes = [0, 7, 65_536, 3 * MiB, 65_531, MiB, MiB, 5, 6 * MiB + 1, 65_535, 100_000, 0];
    const streams = [sizes, sizes.toReversed()].map(async (each) => {
      const sent = each.map((size) => ({ data: randomBytes(size) }));
      const { requestSerialize, responseDeserialize } = BytesService.echo;
      const call = client.makeBidiStreamRequest(
        BytesService.echo.path,
        requestSerialize,
        responseDeserialize,
      );
      for (const message of sent) call.write(message);
      call.end();
      const came: string[] = [];
      for await (const { data } of call as AsyncIterable<Message>) came.push(digest(data));
      assert.deepEqual(
        came,
        sent.map(({ data }) => digest(data)),
      );
    });
    await Promise.all(streams);
  } finally {
    client.close();
  }
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
});
