/** Connections of HTTP/2 with many calls, with slow and broken clients, and as the server closes. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { seededRandom } from "../../testing/seeded-random.ts";
import { until } from "../../testing/until.ts";
import type { CallContext } from "./index.ts";
import { prefixed } from "./messages.ts";
import { serveWords } from "./testing/words.ts";

const MiB = 1024 * 1024;

type Given = Parameters<typeof serveWords>;

/** A server, and as many connections to it as the test opens. */
async function serving(...given: Given) {
  const stack = new AsyncDisposableStack();
  const words = stack.use(await serveWords(...given));
  const open = (settings = {}) => {
    const socket = connect(words.path);
    // What waits to be sent is counted as memory of a client's connection.
    const limits = { maxSessionMemory: 1000 };
    const session = connectHttp2("http://localhost", { createConnection: () => socket, settings, ...limits });
    session.on("error", () => undefined);
    stack.defer(() => session.destroy());
    return { session, socket };
  };
  return { words, open, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

function begin(session: ClientHttp2Session, method: string, headers = {}): ClientHttp2Stream {
  const stream = session.request({
    ":method": "POST",
    ":path": `/test.Words/${method}`,
    "content-type": "application/grpc",
    ...headers,
  });
  stream.on("error", () => undefined);
  return stream;
}

const word = (text: string): Buffer => prefixed(Buffer.from(text));

/** The only answer to a word. */
async function say(session: ClientHttp2Session, text: string, headers = {}): Promise<string> {
  const stream = begin(session, "Unary", headers);
  stream.end(word(text));
  return Buffer.concat(await Array.fromAsync(stream))
    .subarray(5)
    .toString();
}

/** A handler that reads nothing, and ends only with its call. */
async function untilAborted(_: unknown, { signal }: CallContext): Promise<never> {
  if (!signal.aborted) await once(signal, "abort");
  throw signal.reason;
}

describe("a connection", () => {
  test("has as many calls at a time as its client begins", async () => {
    const count = 2000;
    let entered = 0;
    await using server = await serving({
      unary: (text) => text,
      async *bidi(sent) {
        entered++;
        for await (const text of sent) yield text;
      },
    });
    const { session } = server.open();
    const calls = Array.from({ length: count }, () => begin(session, "Bidi"));
    await until(() => entered === count);
    assert.equal(await say(session, "a"), "a");
    const answers = calls.map(async (call, index) => {
      call.end(word(`${index}`));
      return Buffer.concat(await Array.fromAsync(call))
        .subarray(5)
        .toString();
    });
    assert.deepEqual(
      await Promise.all(answers),
      calls.map((_, index) => `${index}`),
    );
  });

  test("goes on for other calls while a handler does not read one of them", async () => {
    await using server = await serving({ unary: (text) => `${text.length}`, clientStream: untilAborted });
    const { session } = server.open();
    const unread = Array.from({ length: 3 }, () => begin(session, "ClientStream"));
    for (const call of unread) for (let sent = 0; sent < 16; sent++) call.write(word("x".repeat(MiB)));
    // As much as the server takes.
    await sleep(200);
    assert.equal(await say(session, "y".repeat(3 * MiB)), `${3 * MiB}`);
  });

  test("goes on for other calls while a client does not read one of them, of which few messages are made", async () => {
    let made = 0;
    await using server = await serving({
      unary: (text) => text,
      async *serverStream() {
        while (made++ < 1000) yield "x".repeat(MiB);
      },
    });
    const { session } = server.open({ initialWindowSize: MiB });
    const unread = begin(session, "ServerStream");
    unread.end(word("a"));
    await until(() => made > 0);
    await sleep(200);
    assert.equal(await say(session, "b".repeat(MiB)), "b".repeat(MiB));
    assert.ok(made < 20, `${made} messages`);
  });

  test("is not ended for pings without calls, however many come", async () => {
    await using server = await serving({ unary: (text) => text });
    const { session } = server.open();
    await once(session, "connect");
    for (let count = 0; count < 1000; count++)
      await new Promise<void>((resolve, reject) => {
        session.ping((error) => (error === null ? resolve() : reject(error)));
      });
    assert.equal(await say(session, "a"), "a");
  });

  test("whose client has many headers serves its calls", async () => {
    await using server = await serving({ unary: (_, { metadata }) => metadata.get("x-299").join() });
    const { session } = server.open();
    const headers = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`x-${index}`, `${index}`]));
    assert.equal(await say(session, "a", headers), "299");
  });

  for (const [end, how] of [
    ["is closed", (socket: Socket) => socket.destroySoon()],
    ["is reset", (socket: Socket) => socket.destroy()],
  ] as const)
    test(`that ${end} amid a client's messages has not ended them`, async () => {
      const ends: string[] = [];
      let read = 0;
      await using server = await serving({
        clientStream: async (sent) => {
          try {
            for await (const _ of sent) read++;
            ends.push("ended");
          } catch (error) {
            ends.push((error as { readonly code: string }).code);
          }
          return "";
        },
      });
      const clients = 20;
      for (let client = 1; client <= clients; client++) {
        const { session, socket } = server.open();
        const call = begin(session, "ClientStream");
        call.write(word("a"));
        call.write(word("b"));
        await until(() => read === 2 * client);
        how(socket);
      }
      await until(() => ends.length === clients);
      assert.deepEqual(new Set(ends), new Set(["Canceled"]));
    });
});

describe("an answer", () => {
  const headersOf = async (stream: ClientHttp2Stream) => {
    const seen: [string, Readonly<Record<string, unknown>>, number][] = [];
    const note = (event: string) => (headers: Readonly<Record<string, unknown>>, flags: number) =>
      seen.push([event, { ...headers }, flags]);
    stream.on("response", note("response"));
    stream.on("trailers", note("trailers"));
    stream.resume();
    await once(stream, "close");
    return seen;
  };
  const endStream = 1;

  test("that is only a status is one block of headers, which ends the stream", async () => {
    await using server = await serving({
      unary: () => {
        throw new Error("ü 100% of\nit");
      },
    });
    const stream = begin(server.open().session, "Unary");
    stream.end(word("a"));
    const [[event, headers, flags] = [], ...others] = await headersOf(stream);
    assert.deepEqual(others, []);
    assert.equal(event, "response");
    assert.equal((flags ?? 0) & endStream, endStream);
    assert.equal(headers?.[":status"], 200);
    assert.equal(headers?.["content-type"], "application/grpc");
    assert.equal(headers?.["grpc-status"], "13");
    // All bytes but 0x20 to 0x7e, and the percent sign, must be encoded.
    assert.match(String(headers?.["grpc-message"]), /^(?:[ -$&-~]|%[0-9A-F]{2})*$/);
    assert.equal(decodeURIComponent(String(headers?.["grpc-message"])), "ü 100% of\nit");
  });

  test("with messages has its status in trailers", async () => {
    await using server = await serving({ unary: (text) => text });
    const stream = begin(server.open().session, "Unary");
    stream.end(word("a"));
    const [[, headers] = [], [event, trailers] = [], ...others] = await headersOf(stream);
    assert.deepEqual(others, []);
    assert.equal(headers?.["grpc-status"], undefined);
    assert.equal(event, "trailers");
    assert.equal(trailers?.["grpc-status"], "0");
  });

  test("is given to every content type of gRPC, and to no other", async () => {
    await using server = await serving({ unary: (text) => text });
    const { session } = server.open();
    for (const type of ["application/grpc", "application/grpc+proto", "application/grpc; charset=utf-8"])
      assert.equal(await say(session, "a", { "content-type": type }), "a", type);
    for (const type of ["application/grpc-web", "application/grpc-web+proto", "application/grpcx"]) {
      const stream = begin(session, "Unary", { "content-type": type });
      stream.end(word("a"));
      const [[, headers] = []] = await headersOf(stream);
      assert.equal(headers?.[":status"], 415, type);
    }
  });
});

describe("closing the server", () => {
  test("tells clients that no more calls are taken, and does not wait for idle connections", async () => {
    await using server = await serving({ unary: (text) => text });
    const idle = server.open();
    assert.equal(await say(idle.session, "a"), "a");
    const told = once(idle.session, "goaway");
    const closed = once(idle.session, "close");
    const startedAt = performance.now();
    await server.words.server.close(60_000);
    const [code] = await told;
    assert.equal(code, 0);
    await closed;
    // Well below the time for calls.
    assert.ok(performance.now() - startedAt < 30_000);
  });

  test("lets calls end that have begun, and takes no new ones of the same connection", async () => {
    const finish = Promise.withResolvers<string>();
    let entered = 0;
    await using server = await serving({
      unary: () => {
        entered++;
        return finish.promise;
      },
    });
    // A session of Node's begins no call after a GOAWAY, as a client does that has not read it yet.
    const socket = connect(server.words.path);
    const received: Buffer[] = [];
    socket.on("data", (bytes: Buffer) => received.push(bytes));
    const begun = (stream: number) => {
      socket.write(frame(1, 4, stream, headerBlock("Unary", "application/grpc")));
      socket.write(frame(0, 1, stream, word("a")));
    };
    const answered = (type: number, stream: number) =>
      framesOf(Buffer.concat(received)).find((each) => each.type === type && each.stream === stream);
    socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    socket.write(frame(4, 0, 0, Buffer.alloc(0)));
    begun(1);
    await until(() => entered === 1);
    const closing = server.words.server.close(60_000);
    const goaway = await until(() => answered(7, 0));
    begun(3);
    // Answered once what comes before it has been read.
    socket.write(frame(6, 0, 0, Buffer.alloc(8)));
    await until(() => answered(6, 0));
    finish.resolve("done");
    await Promise.all([closing, once(socket, "close")]);
    assert.equal(goaway.body.readUInt32BE(0), 1, "the last call that the server takes");
    assert.equal(answered(0, 1)?.body.subarray(5).toString(), "done");
    assert.equal(answered(1, 3), undefined);
    assert.equal(entered, 1);
  });

  test("does not wait for a client that does not read its answer", async () => {
    await using server = await serving({
      async *serverStream() {
        for (let made = 0; made < 8; made++) yield "x".repeat(MiB);
      },
    });
    const { session } = server.open({ initialWindowSize: 65_535 });
    const unread = begin(session, "ServerStream");
    unread.end(word("a"));
    await once(unread, "response");
    const startedAt = performance.now();
    await server.words.server.close(100);
    assert.ok(performance.now() - startedAt < 5000);
  });
});

test("no bytes of a client end the server, or other clients' connections", async () => {
  await using server = await serving({ unary: untilAborted, clientStream: () => "" });
  const { session } = server.open();
  const random = seededRandom(Number(process.env.GRPC_FUZZ_SEED ?? 1));
  for (let round = 0; round < Number(process.env.GRPC_FUZZ_ROUNDS ?? 300); round++) {
    const socket = connect(server.words.path);
    socket.on("error", () => undefined);
    socket.resume();
    if (random() < 0.9) socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    if (random() < 0.9) socket.write(frame(4, 0, 0, Buffer.alloc(0)));
    for (let count = 0; count < 1 + random() * 20; count++) socket.write(randomFrame(random));
    if (random() < 0.5) await new Promise(setImmediate);
    if (random() < 0.5) socket.end();
    else socket.destroy();
  }
  const other = begin(session, "ClientStream");
  other.end(word("a"));
  assert.equal(Buffer.concat(await Array.fromAsync(other)).length, 5);
  assert.doesNotMatch(JSON.stringify(server.words.logged()), /TypeError|ERR_HTTP2/);
});

function frame(type: number, flags: number, stream: number, body: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, body]);
}

/** The whole frames that were received. */
function framesOf(bytes: Buffer) {
  const frames = [];
  for (let at = 0; at + 9 <= bytes.length; ) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    if (end > bytes.length) break;
    frames.push({
      type: bytes.readUInt8(at + 3),
      stream: bytes.readUInt32BE(at + 5),
      body: bytes.subarray(at + 9, end),
    });
    at = end;
  }
  return frames;
}

/** Headers of a call, as literals without an index (RFC 7541, section 6.2.2). */
function headerBlock(method: string, type: string): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.of(value.length), Buffer.from(value)]);
  const pairs = [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", `/test.Words/${method}`],
    [":authority", "localhost"],
    ["content-type", type],
  ].map(([name = "", value = ""]) => Buffer.concat([Buffer.of(0), text(name), text(value)]));
  return Buffer.concat(pairs);
}

function randomFrame(random: () => number): Buffer {
  const pick = <T>(...from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const stream = 1 + 2 * Math.floor(random() * 6);
  const noise = Buffer.from(Array.from({ length: random() * 40 }, () => Math.floor(random() * 256)));
  const number = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  const kinds = [
    () =>
      frame(
        1,
        pick(4, 5),
        stream,
        headerBlock(pick("Unary", "ClientStream", "Bidi", "Nothing"), pick("application/grpc", "text/plain")),
      ),
    () => frame(0, pick(0, 1), stream, pick(word("a"), word("a").subarray(0, 3), noise)),
    () => frame(3, 0, stream, number(pick(0, 5, 8))),
    () => frame(8, 0, pick(0, stream), number(pick(0, 1, 0x7fff_ffff))),
    () => frame(6, pick(0, 1), 0, Buffer.alloc(8)),
    () => frame(7, 0, 0, Buffer.concat([number(0), number(0)])),
    () => frame(4, 0, 0, Buffer.concat([Buffer.of(0, 4), number(pick(0, 1, 0x7fff_ffff))])),
    () => frame(pick(1, 9), 0, stream, noise),
    () => frame(Math.floor(random() * 12), Math.floor(random() * 256), stream, noise),
  ];
  return pick(...kinds)();
}
