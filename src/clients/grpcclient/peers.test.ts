import assert from "node:assert/strict";
import { unlink } from "node:fs/promises";
import { constants } from "node:http2";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { promisify } from "node:util";
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { serveWords, WordsService } from "../../ground/grpc/testing/words.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { connectTo, forEver, serverStream, unary } from "./testing/connect.ts";
import { message, respond, serveRaw } from "./testing/raw-server.ts";

const ok = { "grpc-status": "0" };

test("with a server of grpc-js, messages, large and in a row, and errors come through", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "words.sock");
  const server = new Server();
  server.addService(
    { unary: WordsService.unary, serverStream: WordsService.serverStream },
    {
      unary: (call: ServerUnaryCall<string, string>, callback: sendUnaryData<string>) =>
        call.request === "none"
          ? callback({ code: status.NOT_FOUND, details: "naïve: 100 %" })
          : callback(null, `<${call.request}>`),
      serverStream: (call: ServerWritableStream<string, string>) => {
        for (const letter of call.request) call.write(letter);
        call.end();
      },
    },
  );
  await promisify(server.bindAsync.bind(server))(`unix:${path}`, ServerCredentials.createInsecure());
  using stack = new DisposableStack();
  stack.defer(() => server.forceShutdown());
  const client = stack.use(connectTo(path));
  const large = "a".repeat(3_000_000);
  assert.equal(await client.unary(unary, large, forEver), `<${large}>`);
  assert.deepEqual(await Array.fromAsync(client.serverStream(serverStream, "abc", forEver)), ["a", "b", "c"]);
  await assert.rejects(client.unary(unary, "none", forEver), { code: "NotFound", message: "naïve: 100 %" });
});

test("messages are put together from any pieces", async () => {
  const bytes = Buffer.concat([message("ab"), message(""), message("c".repeat(20))]);
  await using server = await serveRaw((stream) =>
    respond(stream, ok, async () => {
      for (const byte of bytes) {
        stream.write(Buffer.of(byte));
        await setImmediate();
      }
    }),
  );
  using client = connectTo(server.path);
  const answers = await Array.fromAsync(client.serverStream(serverStream, "a", forEver));
  assert.deepEqual(answers, ["ab", "", "c".repeat(20)]);
});

test("a call that the server refused unseen is made once more", async () => {
  await using server = await serveRaw((stream, call) => {
    if (call === 1) respond(stream, ok, () => void stream.write(message("second")));
    else stream.close(constants.NGHTTP2_REFUSED_STREAM);
  });
  using client = connectTo(server.path);
  assert.equal(await client.unary(unary, "a", forEver), "second");
  await assert.rejects(client.unary(unary, "a", forEver), { code: "Unavailable", origin: "refused" });
});

const resets = {
  [constants.NGHTTP2_CANCEL]: "Canceled",
  [constants.NGHTTP2_ENHANCE_YOUR_CALM]: "ResourceExhausted",
  [constants.NGHTTP2_INADEQUATE_SECURITY]: "PermissionDenied",
  [constants.NGHTTP2_INTERNAL_ERROR]: "Internal",
  [constants.NGHTTP2_NO_ERROR]: "Internal",
};
for (const [rstCode, code] of Object.entries(resets)) {
  test(`a call that is reset with code ${rstCode} is ${code}`, async () => {
    await using server = await serveRaw((stream) => stream.close(Number(rstCode)));
    using client = connectTo(server.path);
    await assert.rejects(client.unary(unary, "a", forEver), { code });
  });
}

test("a connection that is lost ends its calls with Unavailable, and the next call makes another", async () => {
  await using server = await serveRaw((stream, call) => {
    if (call === 0) stream.session?.destroy();
    else if (call === 1) stream.session?.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    else respond(stream, ok, () => void stream.write(message("again")));
  });
  using client = connectTo(server.path);
  await assert.rejects(client.unary(unary, "a", forEver), { code: "Unavailable", origin: "connection" });
  await assert.rejects(client.unary(unary, "a", forEver), { code: "Unavailable", origin: "connection" });
  assert.equal(await client.unary(unary, "a", forEver), "again");
  assert.equal(server.sessions.size, 3);
});

test("a connection that takes no more calls finishes those it has, and the next call makes another", async () => {
  const finish = Promise.withResolvers<void>();
  await using server = await serveRaw((stream, call) => {
    respond(stream, ok, async () => {
      stream.write(message(`${call}`));
      if (call > 0) return;
      stream.session?.goaway();
      await finish.promise;
      stream.write(message("end"));
    });
  });
  using client = connectTo(server.path);
  const first = client.serverStream(serverStream, "a", forEver);
  assert.equal((await first.next()).value, "0");
  await setImmediate();
  assert.equal(await client.unary(unary, "a", forEver), "1");
  finish.resolve();
  assert.deepEqual(await Array.fromAsync(first), ["end"]);
  assert.equal(server.sessions.size, 2);
});

test("a server that comes back is found again", async () => {
  const first = await serveWords({ unary: () => "first" });
  using client = connectTo(first.path);
  assert.equal(await client.unary(unary, "a", forEver), "first");
  await first.server.close(0);
  await assert.rejects(client.unary(unary, "a", forEver), { code: "Unavailable" });
  await using second = await serveWords({ unary: () => "second" }, { path: first.path });
  assert.equal(await client.unary(unary, "a", forEver), "second");
  await second.server.close(0);
  await first[Symbol.asyncDispose]();
});

const noAnswers: Record<string, [Parameters<typeof serveRaw>[0], object]> = {
  "an answer without a status": [
    (stream) => respond(stream, {}, () => void stream.write(message("a"))),
    { code: "Internal" },
  ],
  "an answer that ends in a message": [
    (stream) => respond(stream, ok, () => void stream.write(message("a", { length: 2 }))),
    { code: "Internal", message: "the response ends in the middle of a message" },
  ],
  "a compressed answer": [
    (stream) => respond(stream, ok, () => void stream.write(message("a", { compressed: 1 }))),
    { code: "Internal", message: "the response is compressed, although the request did not allow it" },
  ],
  "no message where there is one": [(stream) => respond(stream, ok, () => {}), { code: "Unimplemented" }],
  "two messages where there is one": [
    (stream) => respond(stream, ok, () => void stream.write(Buffer.concat([message("a"), message("b")]))),
    { code: "Unimplemented" },
  ],
  "a web server's answer": [
    (stream) => {
      stream.respond({ ":status": 200, "content-type": "text/html" });
      stream.end("<html>");
    },
    { code: "Unknown", message: "an answer of type text/html from the other side, which is not gRPC" },
  ],
  "a proxy's refusal": [
    (stream) => stream.respond({ ":status": 503 }, { endStream: true }),
    { code: "Unavailable", message: "HTTP status 503 from the other side, which is not gRPC" },
  ],
  "a status in the headers alone": [
    (stream) => {
      const status = { "grpc-status": "5", "grpc-message": "n%C3%B6 %zz%" };
      stream.respond({ ":status": 200, "content-type": "application/grpc", ...status }, { endStream: true });
    },
    { code: "NotFound", message: "nö %zz%" },
  ],
  "a status that nobody knows": [
    (stream) => respond(stream, { "grpc-status": "99", "grpc-message": "new" }, () => {}),
    { code: "Unknown", message: "new" },
  ],
};
for (const [what, [answer, expected]] of Object.entries(noAnswers)) {
  test(`${what} is an error`, async () => {
    await using server = await serveRaw(answer);
    using client = connectTo(server.path);
    await assert.rejects(client.unary(unary, "a", forEver), expected);
  });
}

test("a socket that is not there, or that nobody listens on, says so to calls and to who waits", async () => {
  await using dir = await tempDir();
  using client = connectTo(join(dir.path, "none.sock"));
  const expected = { code: "Unavailable", message: /^no connection to the server: connect ENOENT/ };
  await assert.rejects(client.ready(forEver.signal), expected);
  await assert.rejects(client.unary(unary, "a", forEver), expected);
});

test("a server of another protocol, and one that says nothing, are not ready", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "other.sock");
  const sockets = new Set<Socket>();
  let answer = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n";
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => {}));
    if (answer !== "") socket.write(answer);
  });
  await new Promise<void>((listening) => server.listen(path, listening));
  try {
    using client = connectTo(path);
    await assert.rejects(client.ready(forEver.signal), { code: "Unavailable" });
    answer = "";
    using another = connectTo(path);
    await assert.rejects(another.ready(AbortSignal.timeout(50)), { name: "TimeoutError" });
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((closed) => server.close(closed));
    await unlink(path).catch(() => {});
  }
});
