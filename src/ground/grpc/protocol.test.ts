/** What no gRPC library sends, by a client of HTTP/2. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2, constants } from "node:http2";
import { connect } from "node:net";
import { test } from "node:test";
import { deflateSync, gzipSync } from "node:zlib";
import { until } from "../../testing/until.ts";
import { prefixed } from "./messages.ts";
import { serveWords } from "./testing/words.ts";

const MiB = 1024 * 1024;

/** A server that answers a word, or all, in brackets, or one again and again, and a connection to it. */
async function connected(options: Parameters<typeof serveWords>[1] = {}) {
  const stack = new AsyncDisposableStack();
  const words = stack.use(
    await serveWords(
      {
        unary: (word) => `<${word.slice(0, 10)}>`,
        clientStream: async (sent) => `<${(await Array.fromAsync(sent)).join("+")}>`,
        async *serverStream(word) {
          while (true) yield word;
        },
      },
      options,
    ),
  );
  const session = connectHttp2("http://localhost", { createConnection: () => connect(words.path) });
  stack.defer(() => session.destroy());
  return { words, session, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

function open(session: ClientHttp2Session, method: string, headers: Readonly<Record<string, string>> = {}) {
  return session.request({
    ":method": "POST",
    ":path": `/test.Words/${method}`,
    "content-type": "application/grpc",
    ...headers,
  });
}

/** Sends bytes, and resolves with what came back. */
async function call(
  session: ClientHttp2Session,
  method: string,
  bytes: Buffer,
  headers: Readonly<Record<string, string>> = {},
) {
  const stream = open(session, method, headers);
  let found: Readonly<Record<string, unknown>> = {};
  for (const event of ["response", "trailers"])
    stream.on(event, (given: Readonly<Record<string, unknown>>) => {
      found = { ...found, ...given };
    });
  stream.end(bytes);
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return {
    http: found[":status"],
    status: Number(found["grpc-status"]),
    message: decodeURI(String(found["grpc-message"] ?? "")),
    text: Buffer.concat(chunks).subarray(5).toString(),
  };
}

const word = (text: string): Buffer => prefixed(Buffer.from(text));

function compressed(bytes: Buffer): Buffer {
  const message = prefixed(bytes);
  message[0] = 1;
  return message;
}

test("a request that is not gRPC is refused by HTTP's status", async () => {
  await using server = await connected();
  for (const type of ["application/json", "text/plain"])
    assert.equal((await call(server.session, "Unary", word("a"), { "content-type": type })).http, 415);
});

test("an unknown method is UNIMPLEMENTED, with its name", async () => {
  await using server = await connected();
  const { status, message, http } = await call(server.session, "Nothing", word("a"));
  assert.deepEqual([http, status, message], [200, 12, "unknown method test.Words/Nothing"]);
});

test("a method that takes one message is UNIMPLEMENTED for none and for several", async () => {
  await using server = await connected();
  for (const bytes of [Buffer.alloc(0), Buffer.concat([word("a"), word("b")])])
    assert.equal((await call(server.session, "Unary", bytes)).status, 12);
  assert.equal((await call(server.session, "Unary", word(""))).text, "<>");
});

test("bytes that end within a message are INTERNAL", async () => {
  await using server = await connected();
  for (const method of ["Unary", "ClientStream"]) {
    for (const end of [3, 5, 6]) {
      const bytes = Buffer.concat([
        method === "Unary" ? Buffer.alloc(0) : word("a"),
        word("bc").subarray(0, end),
      ]);
      const { status, message } = await call(server.session, method, bytes);
      assert.deepEqual([status, message], [13, "the request ends within a message"]);
    }
  }
});

test("a message of more than 16 MiB is RESOURCE_EXHAUSTED, before it is sent", async () => {
  await using server = await connected();
  assert.equal((await call(server.session, "Unary", word("a".repeat(16 * MiB)))).text, "<aaaaaaaaaa>");
  const prefix = Buffer.from([0, 1, 0, 0, 1]);
  for (const method of ["Unary", "ClientStream"]) {
    const { status, message } = await call(server.session, method, prefix);
    assert.deepEqual([status, message], [8, `the request has a message of more than ${16 * MiB} bytes`]);
  }
});

test("a request for reflection that is no message gets a status, as of any other service", async () => {
  await using server = await connected();
  const headers = { ":path": "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo" };
  const { status } = await call(server.session, "", Buffer.from([0, 1, 0, 0, 1]), headers);
  assert.equal(status, 8);
});

test("compressed messages are read, unless they are too large, broken or of an unknown kind", async () => {
  await using server = await connected();
  const as = (encoding: string) => ({ "grpc-encoding": encoding });
  const read = async (bytes: Buffer, encoding: string) =>
    await call(server.session, "ClientStream", Buffer.concat([word("a"), compressed(bytes)]), as(encoding));
  assert.equal((await read(gzipSync("b"), "gzip")).text, "<a+b>");
  assert.equal((await read(deflateSync("b"), "deflate")).text, "<a+b>");
  assert.equal((await read(gzipSync(Buffer.alloc(16 * MiB + 1)), "gzip")).status, 8);
  assert.equal((await read(Buffer.from("b"), "gzip")).status, 13);
  const { status, message } = await read(Buffer.from("b"), "snappy");
  assert.equal(status, 12);
  assert.match(message, /"snappy"; gzip and deflate are supported/);
  // Names of properties that every object of JavaScript has.
  for (const name of ["constructor", "toString", "valueOf", "__proto__"])
    assert.equal((await read(Buffer.from("b"), name)).status, 12);
  assert.equal((await read(Buffer.from("b"), "identity")).status, 13);
});

test("a deadline that is none is INVALID_ARGUMENT", async () => {
  await using server = await connected();
  for (const timeout of ["1", "S", "1 S", "123456789S", "-1S", "1s"])
    assert.equal((await call(server.session, "Unary", word("a"), { "grpc-timeout": timeout })).status, 3);
  for (const timeout of ["1H", "99999999u", "99999999H"])
    assert.equal((await call(server.session, "Unary", word("a"), { "grpc-timeout": timeout })).status, 0);
});

test("a client that is gone before its message has come ends the call", async () => {
  await using server = await connected();
  const reset = open(server.session, "Unary");
  reset.on("error", () => undefined);
  reset.write(word("abc").subarray(0, 6));
  await until(() => server.words.logged().length === 1);
  reset.close(constants.NGHTTP2_CANCEL);
  await until(() => server.words.logged().at(-1)?.code === "CANCELLED");
  open(server.session, "Unary").on("error", () => undefined);
  await until(() => server.words.logged().length === 3);
  server.session.destroy();
  await until(() => server.words.logged().length === 4);
  assert.equal(server.words.logged().at(-1)?.code, "CANCELLED");
});

for (const oneByOne of [[], ["serverStream"]] as const) {
  const way = oneByOne.length === 0 ? "in a row" : "one by one";
  test(`a client that goes away amid answers that are sent ${way} cancels its call`, async () => {
    await using server = await connected({ oneByOne });
    const clients = 40;
    for (let client = 0; client < clients; client++) {
      const stream = open(server.session, "ServerStream");
      stream.on("error", () => undefined);
      stream.end(word("a".repeat(client * 20_000)));
      await once(stream, "data");
      if (client % 2 === 0) await once(stream, "data");
      stream.close(constants.NGHTTP2_CANCEL);
    }
    const ended = () => server.words.logged().filter(({ msg }) => msg !== "call");
    await until(() => ended().length === clients);
    assert.deepEqual(new Set(ended().map(({ code }) => code)), new Set(["CANCELLED"]));
  });
}

test("what a client sends after its answer is dropped, and its connection serves other calls", async () => {
  await using server = await connected();
  const stream = open(server.session, "Nothing");
  const [headers] = await once(stream, "response");
  assert.equal(headers["grpc-status"], "12");
  for (let count = 0; count < 20; count++) stream.write(Buffer.alloc(MiB));
  stream.end();
  stream.resume();
  await once(stream, "close");
  assert.equal((await call(server.session, "Unary", word("a"))).text, "<a>");
});
