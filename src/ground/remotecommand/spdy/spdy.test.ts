import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { test } from "node:test";
import { FrameParser } from "./frame-parser.ts";
import { dataFrameHead, FrameWriter } from "./frame-writer.ts";
import { type ControlFrame, defaultLimits, type Frame, rstStatus, settingId } from "./frames.ts";
import { SpdyError, SpdySession, type SpdySessionOptions, type SpdyStream } from "./index.ts";

test("a stream transfers bytes in both directions, and each ends separately", async (t) => {
  const { client } = await sessions(t, { onStream: echo });
  const stream = await client.openStream(new Map([["streamtype", "data"]]));
  stream.end("hello");
  assert.equal(await text(stream), "hello");
});

test("the server gets the client's headers, even if later blocks refer to earlier ones", async (t) => {
  const seen: string[] = [];
  const { client } = await sessions(t, {
    onStream: (stream) => {
      seen.push(stream.headers.get("streamtype") ?? "", stream.headers.get("requestid") ?? "");
      stream.accept();
    },
  });
  for (const id of ["0", "1", "2"]) {
    await client.openStream(
      new Map([
        ["streamType", "data"],
        ["requestid", id],
      ]),
    );
  }
  assert.deepEqual(seen, ["data", "0", "data", "1", "data", "2"]);
});

test("a refused stream rejects with the peer's status", async (t) => {
  const { client } = await sessions(t, { onStream: (stream) => stream.reset(rstStatus.refusedStream) });
  await assert.rejects(client.openStream(new Map()), isReset(rstStatus.refusedStream));
});

test("streams over the limit are refused, and the session continues", async (t) => {
  const { client } = await sessions(t, { onStream: echo, maxStreams: 2 });
  const first = await client.openStream(new Map());
  await client.openStream(new Map());
  await assert.rejects(client.openStream(new Map()), isReset(rstStatus.refusedStream));
  first.end("still here");
  assert.equal(await text(first), "still here");
});

test("after a reset by the peer, a reader gets what came before, the end, and then an error", async (t) => {
  const { client, accepted } = await sessions(t, { onStream: (stream) => stream.accept() });
  const mine = await client.openStream(new Map());
  const theirs = await accepted;
  mine.write("last words", () => mine.reset(rstStatus.cancel));
  assert.equal(await text(theirs), "last words");
  if (!theirs.closed) await once(theirs, "close");
  assert.ok(isReset(rstStatus.cancel)(theirs.errored));
});

test("closing sends everything before the connection ends", async (t) => {
  const { client, server, accepted } = await sessions(t, { onStream: (stream) => stream.accept() });
  const mine = await client.openStream(new Map());
  const theirs = await accepted;
  const payload = Buffer.alloc(3_000_000, "x");
  theirs.write(payload);
  const closing = server.close();
  assert.deepEqual(await buffer(mine), payload);
  await closing;
  await client.closed;
});

test("closing waits for a slow reader, however little time the peer has to close", async (t) => {
  const { raw, accepted, server } = await rawClient(t, {
    lingerMs: 1,
    onStream: (stream) => stream.accept(),
  });
  raw.send({ kind: "synStream", streamId: 1, headers: new Map(), fin: false, unidirectional: false });
  const stream = await accepted;
  raw.socket.pause();
  stream.write(Buffer.alloc(16_777_216));
  const closing = server.close();
  await settled(() => raw.dataBytes(1));
  raw.socket.resume();
  await raw.until(
    () => raw.dataBytes(1) === 16_777_216 && raw.frames.some((frame) => frame.kind === "goAway"),
  );
  await closing;
});

test("if the peer disappears, the session's signal aborts and its streams are destroyed", async (t) => {
  const { clientSocket, server, accepted, client } = await sessions(t, {
    onStream: (stream) => stream.accept(),
  });
  await client.openStream(new Map());
  const theirs = await accepted;
  clientSocket.destroy();
  await server.closed;
  assert.ok(server.signal.aborted);
  assert.ok(theirs.destroyed);
});

test("a ping resolves with the peer's answer, and rejects if the session ends", async (t) => {
  const { client, server } = await sessions(t, {});
  await client.ping();
  await server.ping();
  client.destroy();
  await assert.rejects(client.ping());
});

test("a stream that nobody reads stops only its own writer", async (t) => {
  const { client } = await sessions(t, {
    streamWindowBytes: 65_536,
    onStream: (stream) => {
      stream.accept();
      if (stream.headers.get("streamtype") === "echo") stream.pipe(stream);
    },
  });
  const stalled = await client.openStream(new Map([["streamtype", "stalled"]]));
  let written = 0;
  const chunk = Buffer.alloc(65_536);
  const writes = Array.from({ length: 64 }, () => stalled.write(chunk, () => written++));
  assert.ok(writes.includes(false));

  const other = await client.openStream(new Map([["streamtype", "echo"]]));
  const payload = Buffer.alloc(1_000_000, "y");
  other.end(payload);
  assert.deepEqual(await buffer(other), payload);
  assert.ok(written < 10, `${written} chunks of 64 KiB went into a window of 64 KiB`);
});

test("a peer without flow control is limited by the connection itself", async (t) => {
  const { raw, accepted } = await rawClient(t, {
    streamWindowBytes: 65_536,
    onStream: (stream) => stream.accept(),
  });
  raw.send({ kind: "synStream", streamId: 1, headers: new Map(), fin: false, unidirectional: false });
  const stream = await accepted;
  const total = 64 * 1_048_576;
  let sent = 0;
  const chunk = Buffer.concat([dataFrameHead(1, 1_048_576, false), Buffer.alloc(1_048_576, "z")]);
  const pump = async () => {
    for (; sent < total; sent += 1_048_576) if (!raw.socket.write(chunk)) await once(raw.socket, "drain");
    raw.socket.write(dataFrameHead(1, 0, true));
  };
  const pumped = pump();
  await settled(() => sent);
  assert.ok(sent < total, "the writer was never stopped");
  assert.ok(stream.readableLength < 1_048_576);
  assert.equal((await buffer(stream)).length, total);
  await pumped;
});

test("a sender ignores windows until the peer shows flow control", async (t) => {
  const { raw, accepted } = await rawClient(t, { onStream: (stream) => stream.accept() });
  raw.send({ kind: "synStream", streamId: 1, headers: new Map(), fin: false, unidirectional: false });
  const stream = await accepted;
  stream.write(Buffer.alloc(200_000));
  await raw.until(() => raw.dataBytes(1) === 200_000);

  raw.send({ kind: "settings", settings: [{ id: settingId.initialWindowSize, value: 65_536 }] });
  raw.send({ kind: "ping", id: 1 });
  await raw.until(() => raw.frames.some((frame) => frame.kind === "ping"));
  stream.write(Buffer.alloc(1000));
  raw.send({ kind: "windowUpdate", streamId: 0, delta: 1_000_000 });
  raw.send({ kind: "windowUpdate", streamId: 1, delta: 200_000 - 65_536 + 400 });
  await raw.until(() => raw.dataBytes(1) === 200_400);
  raw.send({ kind: "windowUpdate", streamId: 1, delta: 600 });
  await raw.until(() => raw.dataBytes(1) === 201_000);
});

test("if a peer with flow control exceeds a window, its stream is reset", async (t) => {
  const { raw, accepted } = await rawClient(t, {
    streamWindowBytes: 65_536,
    onStream: (stream) => stream.accept(),
  });
  raw.send({ kind: "settings", settings: [] });
  raw.send({ kind: "synStream", streamId: 1, headers: new Map(), fin: false, unidirectional: false });
  await accepted;
  raw.socket.write(dataFrameHead(1, 200_000, false));
  raw.socket.write(Buffer.alloc(200_000));
  await raw.until(() => raw.frames.some(isRst(1, rstStatus.flowControlError)));
});

test("if a window grows beyond 2^31-1, its stream is reset", async (t) => {
  const { raw, accepted } = await rawClient(t, { onStream: (stream) => stream.accept() });
  raw.send({ kind: "synStream", streamId: 1, headers: new Map(), fin: false, unidirectional: false });
  await accepted;
  raw.send({ kind: "windowUpdate", streamId: 1, delta: 0x7fff_ffff });
  await raw.until(() => raw.frames.some(isRst(1, rstStatus.flowControlError)));
});

test("data for a stream that never existed is answered with INVALID_STREAM, once", async (t) => {
  const { raw } = await rawClient(t, {});
  for (let i = 0; i < 3; i++)
    raw.socket.write(Buffer.concat([dataFrameHead(77, 3, false), Buffer.from("abc")]));
  raw.send({ kind: "ping", id: 1 });
  await raw.until(() => raw.frames.some((frame) => frame.kind === "ping"));
  assert.equal(raw.frames.filter(isRst(77, rstStatus.invalidStream)).length, 1);
});

test("10,000 streams beyond the limit are refused, and nothing accumulates", async (t) => {
  const opened: SpdyStream[] = [];
  const { raw, server } = await rawClient(t, {
    maxStreams: 16,
    onStream: (stream) => {
      opened.push(stream);
      stream.accept();
    },
  });
  for (let i = 0; i < 10_000; i++) {
    raw.send({
      kind: "synStream",
      streamId: 2 * i + 1,
      headers: new Map([["n", `${i}`]]),
      fin: false,
      unidirectional: false,
    });
  }
  raw.send({ kind: "ping", id: 1 });
  await raw.until(() => raw.frames.some((frame) => frame.kind === "ping"));
  assert.equal(opened.length, 16);
  assert.equal(raw.frames.filter((frame) => frame.kind === "rstStream").length, 9_984);
  assert.equal(server.signal.aborted, false);
});

test("a peer that does not read replies is not read either", async (t) => {
  const { raw, server } = await rawClient(t, {});
  raw.socket.pause();
  const pings = Buffer.concat(
    Array.from({ length: 65_536 }, () => raw.writer.control({ kind: "ping", id: 1 })),
  );
  // Over 40 MiB of replies would be due.
  for (let i = 0; i < 64; i++) raw.socket.write(pings);
  await settled(() => raw.socket.writableLength);
  assert.equal(server.signal.aborted, false);
  assert.ok(raw.socket.writableLength > 20_000_000, "the server went on reading");
});

test("garbage, other versions, incomplete and oversized frames end the session with GOAWAY and close the connection", async (t) => {
  const control = (type: number, length: number, body = Buffer.alloc(0)) => {
    const head = Buffer.alloc(8);
    head.writeUInt16BE(0x8003, 0);
    head.writeUInt16BE(type, 2);
    head.writeUInt32BE(length, 4);
    return Buffer.concat([head, body]);
  };
  const cases: Record<string, Buffer> = {
    garbage: Buffer.from("\x80\x00\x00\x01 this is not SPDY at all", "latin1"),
    "a control frame of 16 MiB": control(1, 0xff_ffff),
    "a cut SYN_STREAM": control(1, 4, Buffer.alloc(4)),
    "SETTINGS with a wrong count": control(4, 12, Buffer.from("ffffffff0000000000000000", "hex")),
    "stream id 0": control(1, 10, Buffer.alloc(10)),
    "data for stream 0": dataFrameHead(0, 4, false),
    "an even stream id from a client": new FrameWriter().control(syn(2)),
  };
  for (const [name, bytes] of Object.entries(cases)) {
    const { raw, server } = await rawClient(t, { onStream: (stream) => stream.accept() });
    raw.socket.write(bytes);
    await raw.until(() => raw.frames.some((frame) => frame.kind === "goAway" && frame.status === 1));
    raw.socket.end();
    await server.closed;
    assert.ok(server.signal.reason instanceof SpdyError, name);
  }
});

function syn(streamId: number): ControlFrame {
  return { kind: "synStream", streamId, headers: new Map(), fin: false, unidirectional: false };
}

function isRst(streamId: number, status: number): (frame: Frame) => boolean {
  return (frame) => frame.kind === "rstStream" && frame.streamId === streamId && frame.status === status;
}

function isReset(status: number): (error: unknown) => boolean {
  return (error) => error instanceof SpdyError && error.resetStatus === status;
}

function echo(stream: SpdyStream): void {
  stream.accept();
  stream.pipe(stream);
}

/** Resolves when a number that only grows or only shrinks has stopped changing. */
async function settled(look: () => number): Promise<void> {
  for (let before = Number.NaN; before !== look(); ) {
    before = look();
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

type TestContext = { after(fn: () => void): void };

async function socketPair(t: TestContext): Promise<{ near: Socket; far: Socket }> {
  const listener = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(listener, "listening");
  const address = listener.address();
  assert.ok(address !== null && typeof address === "object");
  const near = connect({ port: address.port, host: "127.0.0.1" });
  const [far] = (await once(listener, "connection")) as [Socket];
  t.after(() => {
    near.destroy();
    far.destroy();
    listener.close();
  });
  return { near, far };
}

/** A server session that calls a function for the first stream that it accepts. */
function serverSession(far: Socket, options: Omit<SpdySessionOptions, "role">) {
  const { promise: accepted, resolve } = Promise.withResolvers<SpdyStream>();
  const { onStream } = options;
  const server = new SpdySession(far, {
    ...options,
    role: "server",
    ...(onStream !== undefined && {
      onStream: (stream: SpdyStream) => {
        onStream(stream);
        resolve(stream);
      },
    }),
  });
  return { server, accepted };
}

async function sessions(t: TestContext, options: Omit<SpdySessionOptions, "role">) {
  const { near, far } = await socketPair(t);
  const { server, accepted } = serverSession(far, options);
  const client = new SpdySession(near, { role: "client" });
  return { client, server, accepted, clientSocket: near };
}

/** A server session and a client that writes single frames. */
async function rawClient(t: TestContext, options: Omit<SpdySessionOptions, "role">) {
  const { near, far } = await socketPair(t);
  const { server, accepted } = serverSession(far, options);
  const writer = new FrameWriter();
  const parser = new FrameParser(defaultLimits);
  const frames: Frame[] = [];
  near.on("error", () => {});
  near.on("data", (chunk: Buffer) => frames.push(...parser.push(chunk)));
  const raw = {
    socket: near,
    writer,
    frames,
    send: (frame: ControlFrame) => near.write(writer.control(frame)),
    dataBytes: (id: number) =>
      frames.reduce((sum, f) => sum + (f.kind === "data" && f.streamId === id ? f.data.length : 0), 0),
    until: async (isTrue: () => boolean) => {
      while (!isTrue()) await once(near, "data");
    },
  };
  return { raw, server, accepted };
}

test("a session works over any duplex", async () => {
  const [near, far] = duplexPair();
  const { server } = serverSession(far as Socket, { onStream: echo });
  const client = new SpdySession(near, { role: "client" });
  const stream = await client.openStream(new Map());
  stream.end("through a pair");
  assert.equal(await text(stream), "through a pair");
  await Promise.all([client.close(), server.closed]);
});

function duplexPair(): [Duplex, Duplex] {
  const ends: Duplex[] = [];
  const make = (other: () => Duplex | undefined) =>
    new Duplex({
      read() {},
      write(chunk, _encoding, done) {
        other()?.push(chunk);
        setImmediate(done);
      },
      final(done) {
        other()?.push(null);
        done();
      },
    });
  const near: Duplex = make(() => ends[1]);
  const far: Duplex = make(() => ends[0]);
  ends.push(near, far);
  return [near, far];
}
