import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { tempDir } from "../../../testing/temp-dir.ts";
import { connectTo, forEver, serverStream, unary } from "../testing/connect.ts";
import { message, respond, serveRaw } from "../testing/raw-server.ts";
import { flags, frame, frameTypes, settingsFrame } from "./frames.ts";
import { encodedHeaders } from "./hpack.ts";

const printable = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index))
  .join("")
  .trim();

test("headers that a server codes in its own way are read, however many there were before", async () => {
  await using server = await serveRaw((stream, call) => {
    const trailers = {
      "grpc-status": "9",
      "x-call": `${call}`,
      "x-text": `<${printable}>`.repeat(1 + (call % 20)),
    };
    respond(stream, trailers, () => {});
  });
  using client = connectTo(server.path);
  for (let call = 0; call < 100; call++) {
    await assert.rejects(client.unary(unary, "a", forEver), (error: { metadata: Record<string, string> }) => {
      assert.equal(error.metadata["x-call"], `${call}`);
      assert.equal(error.metadata["x-text"], `<${printable}>`.repeat(1 + (call % 20)));
      return true;
    });
  }
  assert.equal(server.sessions.size, 1);
});

const answerHeaders = encodedHeaders({ ":status": "200", "content-type": "application/grpc" });
const trailers = encodedHeaders({ "grpc-status": "0" });

test("padding, priorities and headers in pieces are taken for what they are", async () => {
  const priority = Buffer.from([0, 0, 0, 0, 16]);
  const padded = (content: Buffer) => Buffer.concat([Buffer.of(3), content, Buffer.alloc(3)]);
  await using server = await serveFrames([
    frame(frameTypes.headers, flags.priority, 1, Buffer.concat([priority, answerHeaders.subarray(0, 4)])),
    frame(frameTypes.continuation, flags.endHeaders, 1, answerHeaders.subarray(4)),
    frame(frameTypes.data, flags.padded, 1, padded(message("one"))),
    frame(frameTypes.ping, 0, 0, Buffer.alloc(8)),
    frame(99, 0, 0, Buffer.from("of a type that nobody knows")),
    frame(frameTypes.headers, flags.endHeaders | flags.endStream, 1, trailers),
  ]);
  using client = connectTo(server.path);
  assert.deepEqual(await Array.fromAsync(client.serverStream(serverStream, "a", forEver)), ["one"]);
});

for (const [what, frames] of [
  ["a frame that is too long", [frame(frameTypes.data, 0, 1, Buffer.alloc(16_385))]],
  ["more padding than bytes", [frame(frameTypes.data, flags.padded, 1, Buffer.of(9))]],
  ["a push", [frame(frameTypes.pushPromise, flags.endHeaders, 1, Buffer.alloc(8))]],
  ["headers that nothing begins", [frame(frameTypes.continuation, 0, 1, trailers)]],
  [
    "something in the middle of headers",
    [frame(frameTypes.headers, 0, 1, answerHeaders), frame(frameTypes.ping, 0, 0, Buffer.alloc(8))],
  ],
  ["a number that is cut off", [frame(frameTypes.windowUpdate, 0, 0, Buffer.alloc(2))]],
] as const) {
  test(`${what} ends the connection, and its calls with Unavailable`, async () => {
    await using server = await serveFrames(frames);
    using client = connectTo(server.path);
    await assert.rejects(client.unary(unary, "a", forEver), { code: "Unavailable", origin: "connection" });
  });
}

/** A server that answers whatever it is told with these frames. */
async function serveFrames(frames: readonly Buffer[]) {
  const directory = await tempDir();
  const path = join(directory.path, "frames.sock");
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("data", () => socket.write(Buffer.concat([settingsFrame(new Map()), ...frames])));
  });
  await new Promise<void>((listening) => server.listen(path, listening));
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((closed) => server.close(closed));
      await directory[Symbol.asyncDispose]();
    },
  };
}
