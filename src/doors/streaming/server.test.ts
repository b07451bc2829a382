import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Server } from "node:net";
import type { Duplex } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { test } from "node:test";
import { hasCode } from "../../ground/errors/index.ts";
import { rstStatus, type SpdySession, type SpdyStream } from "../../ground/remotecommand/index.ts";
import type { StreamIo, StreamingEngine } from "./engine.ts";
import { type StreamingRequest, StreamingServer, type StreamingServerOptions } from "./index.ts";
import {
  ask,
  spdyClient,
  spdyHeaders,
  upgrade,
  webSocketClient,
  webSocketHeaders,
} from "./testing/clients.ts";
import { ProcessEngine } from "./testing/process-engine.ts";

const V4 = "v4.channel.k8s.io";

test("a request without a container, a command or a stream, or with a terminal and stderr, gets no URL", async (t) => {
  const { server } = await start(t);
  const bad: StreamingRequest[] = [
    exec(["true"], { tty: true, stderr: true }),
    exec(["true"], { stdout: false, stderr: false }),
    exec([]),
    { ...exec(["true"]), containerId: "" },
    { kind: "portforward", sandboxId: "", ports: [] },
    { kind: "portforward", sandboxId: "s", ports: [0] },
  ];
  for (const request of bad)
    assert.throws(
      () => server.url(request),
      (error) => hasCode(error, "InvalidArgument"),
    );
});

test("a URL is of loopback by default and can be used once", async (t) => {
  const { server } = await start(t);
  const url = server.url(exec(["echo", "hi"]));
  assert.match(url.href, /^http:\/\/127\.0\.0\.1:\d+\/exec\/[A-Za-z0-9_-]{22}$/);
  const client = await run(url);
  assert.equal(client.stdout, "hi\n");
  for (const headers of [spdyHeaders(V4), webSocketHeaders(V4)])
    assert.equal((await ask(url, "GET", headers)).status, 404);
});

test("an expired URL is not found", async (t) => {
  const { server } = await start(t, { tokenTtlMs: 0 });
  const answer = await ask(server.url(exec(["true"])), "POST", spdyHeaders(V4));
  assert.equal(answer.status, 404);
  assert.match(answer.text, /expired/);
});

test("requests that cannot be served get a 4xx with a text, and the URL stays good", async (t) => {
  const { server } = await start(t);
  const url = server.url(exec(["true"]));
  const as = (path: string) => new URL(path, url);
  assert.equal((await ask(url)).status, 400);
  assert.equal((await ask(url, "PUT", spdyHeaders(V4))).status, 405);
  assert.equal((await ask(url, "POST", spdyHeaders(""))).status, 400);
  const noCommon = await ask(url, "POST", spdyHeaders("v9.channel.k8s.io"));
  assert.equal(noCommon.status, 403);
  assert.match(String(noCommon.headers["x-accepted-stream-protocol-versions"]), /v4\.channel\.k8s\.io/);
  assert.equal((await ask(url, "GET", webSocketHeaders("v9.channel.k8s.io"))).status, 403);
  assert.equal((await ask(url, "GET", { Connection: "Upgrade", Upgrade: "h2c" })).status, 400);
  assert.equal((await ask(as("/exec/short"), "POST", spdyHeaders(V4))).status, 404);
  assert.equal((await ask(as("/"), "GET")).status, 404);
  assert.equal((await run(url)).status.status, "Success");
});

test("a URL for one kind of request does not serve another", async (t) => {
  const { server } = await start(t);
  const url = server.url(exec(["true"]));
  const answer = await ask(new URL(url.pathname.replace("exec", "attach"), url), "POST", spdyHeaders(V4));
  assert.equal(answer.status, 404);
});

test("a wrong WebSocket handshake is answered with 400", async (t) => {
  const { server } = await start(t);
  const headers = { ...webSocketHeaders(V4), "Sec-WebSocket-Key": "short" };
  const answer = await ask(server.url(exec(["true"])), "GET", headers);
  assert.equal(answer.status, 400);
});

test("streams come in any order, unknown and repeated ones are refused", async (t) => {
  const { server } = await start(t);
  const session = await spdyClient(server.url(exec(["echo", "ok"])), V4);
  const open = (type: string) => session.openStream(new Map([["streamtype", type]]));
  const stderr = await open("stderr");
  await assert.rejects(open("nonsense"));
  await assert.rejects(open("stderr"));
  const [stdout, error] = await Promise.all([open("stdout"), open("error")]);
  assert.equal(await text(stdout), "ok\n");
  assert.equal(await text(stderr), "");
  assert.match(await text(error), /Success/);
});

test("a client that does not open its streams in time is closed and no command runs", async (t) => {
  const { server, engine } = await start(t, { streamCreationTimeoutMs: 50 });
  const session = await spdyClient(server.url(exec(["true"])), V4);
  // On a slow machine the time is over before the answer is there.
  await session.openStream(new Map([["streamtype", "error"]])).catch(() => {});
  await session.closed;
  assert.equal(engine.signals.length, 0);
});

test("a connection that sends nothing, or half a request, is closed in time", async (t) => {
  const { server } = await start(t, { handshakeTimeoutMs: 100 });
  const { port } = server.url(exec(["true"]));
  for (const sent of ["", "GET /exec/abc HTTP/1.1\r\nHos"]) {
    const socket = connect(Number(port), "127.0.0.1");
    socket.on("error", () => {});
    socket.write(sent);
    socket.resume();
    await closed(socket);
  }
});

test("garbage instead of a request is answered with 400", async (t) => {
  const { server } = await start(t);
  const socket = connect(Number(server.url(exec(["true"])).port), "127.0.0.1");
  socket.end("\x16\x03\x01 this is no HTTP\r\n\r\n");
  assert.match(await text(socket), /^HTTP\/1\.1 400 /);
});

test("a connection on which nothing happens is closed after the idle timeout and its call is aborted", async (t) => {
  const { server, engine } = await start(t, { idleTimeoutMs: 1000 });
  const { session } = await openStreams(server.url(exec(["sleep", "1000"])), ["error", "stdout", "stderr"]);
  await session.closed;
  await ended(engine);
  assert.ok(engine.signals[0]?.aborted);
});

test("a client that vanishes ends its process, over either transport", async (t) => {
  const { server, engine } = await start(t);
  const { session } = await openStreams(server.url(exec(["sleep", "1000"])), ["error", "stdout", "stderr"]);
  await waitUntil(() => engine.running.size === 1);
  session.destroy();
  await ended(engine);

  const { ws } = await webSocketClient(server.url(exec(["sleep", "1000"])), V4);
  await waitUntil(() => engine.running.size === 1);
  ws.terminate();
  await ended(engine);
});

test("a slow reader stops the writer, over either transport, and gets everything in the end", async (t) => {
  const total = 64 * 1_048_576;
  for (const transport of ["spdy", "websocket"]) {
    const engine = new WritingEngine(total);
    const { server } = await start(t, {}, engine);
    const url = server.url(exec(["write"], { stderr: false }));
    if (transport === "spdy") {
      const { streams } = await openStreams(url, ["error", "stdout"]);
      await settled(() => engine.written);
      assert.ok(engine.written > 0 && engine.written < total / 2, `${engine.written} bytes were taken`);
      assert.equal((await buffer(streams.stdout as SpdyStream)).length, total);
    } else {
      const { ws, messages, closed } = await webSocketClient(url, V4);
      ws.pause();
      await settled(() => engine.written);
      assert.ok(engine.written > 0 && engine.written < total / 2, `${engine.written} bytes were taken`);
      ws.resume();
      assert.equal(await closed, 1000);
      const stdout = messages.filter((message) => message[0] === 1);
      assert.equal(
        stdout.reduce((sum, message) => sum + message.length - 1, 0),
        total,
      );
    }
  }
});

test("stdin that is not read stops the client, and its vanishing is still seen", async (t) => {
  const { server, engine } = await start(t);
  const { session, streams } = await openStreams(server.url(exec(["sleep", "1000"], { stdin: true })), [
    "error",
    "stdin",
    "stdout",
    "stderr",
  ]);
  await waitUntil(() => engine.running.size === 1);
  let written = 0;
  const chunk = Buffer.alloc(65_536);
  for (let i = 0; i < 1_000; i++) streams.stdin?.write(chunk, () => written++);
  await settled(() => written);
  assert.ok(written < 200);
  session.destroy();
  await ended(engine);
});

test("closing the server aborts the calls, tells the clients and leaves no connection", async (t) => {
  const engine = new ProcessEngine();
  const server = await StreamingServer.start(engine);
  t.after(() => server[Symbol.asyncDispose]());
  const { session, streams } = await openStreams(server.url(exec(["sleep", "1000"])), [
    "error",
    "stdout",
    "stderr",
  ]);
  await waitUntil(() => engine.running.size === 1);
  const [status] = await Promise.all([text(streams.error as SpdyStream), server[Symbol.asyncDispose]()]);
  assert.equal(JSON.parse(status).status, "Failure");
  await session.closed;
  assert.equal(engine.running.size, 0);
  assert.throws(
    () => server.url(exec(["true"])),
    (error) => hasCode(error, "Unavailable"),
  );
});

test("WebSocket subprotocols: base64, the first version, and none", async (t) => {
  const { server } = await start(t);
  for (const [protocol, expected] of [
    ["v4.base64.channel.k8s.io", ["1", `1${base64("out\n")}`, /^3.+/]],
    ["base64.channel.k8s.io", ["1", `1${base64("out\n")}`]],
    ["channel.k8s.io", ["\x01", "\x01out\n"]],
    ["", ["\x01", "\x01out\n"]],
  ] as const) {
    const { ws, messages, closed } = await webSocketClient(server.url(exec(["echo", "out"])), protocol);
    assert.equal(ws.protocol, protocol);
    assert.equal(await closed, 1000);
    assert.equal(messages.length, expected.length, protocol);
    expected.forEach((message, i) => {
      if (typeof message === "string") assert.equal(messages[i]?.toString(), message);
      else assert.match(messages[i]?.toString() ?? "", message);
    });
  }
});

test("version 5 ends stdin by its close signal", async (t) => {
  const { server } = await start(t);
  const { ws, messages, closed } = await webSocketClient(
    server.url(exec(["cat"], { stdin: true })),
    "v5.channel.k8s.io",
  );
  ws.send(Buffer.from("\x00input"));
  ws.send(Buffer.from([255, 0]));
  assert.equal(await closed, 1000);
  assert.deepEqual(
    messages.map((message) => message.toString()),
    ["\x01", "\x01input", '\x03{"metadata":{},"status":"Success"}'],
  );
});

test("WebSocket messages that break the protocol end the connection with the right code and the process", async (t) => {
  const { server, engine } = await start(t, { maxMessageBytes: 1_048_576 });
  const cases = [
    { protocol: V4, send: Buffer.from([200, 1, 2]), code: 1008 },
    { protocol: "v5.channel.k8s.io", send: Buffer.from([255, 9]), code: 1008 },
    { protocol: "v5.channel.k8s.io", send: Buffer.from([255]), code: 1008 },
    { protocol: "v4.base64.channel.k8s.io", send: "0***", code: 1007 },
    { protocol: V4, send: Buffer.alloc(1_048_577), code: 1009 },
  ];
  for (const { protocol, send, code } of cases) {
    const { ws, closed } = await webSocketClient(
      server.url(exec(["sleep", "1000"], { stdin: true })),
      protocol,
    );
    ws.send(send);
    assert.equal(await closed, code);
    await ended(engine);
  }
});

test("a WebSocket frame of 1 GiB is refused by its head", async (t) => {
  const { server, engine } = await start(t);
  const socket = await upgrade(server.url(exec(["sleep", "1000"], { stdin: true })), webSocketHeaders(V4));
  const head = Buffer.from("82ff0000000040000000deadbeef", "hex");
  socket.write(head);
  const received = await buffer(socket);
  // The close frame: opcode 8, and the code 1009.
  assert.ok(received.includes(Buffer.from([0x88])) && received.includes(Buffer.from([0x03, 0xf1])));
  await ended(engine);
});

test("garbage after the upgrade ends the connection, and the server goes on serving", async (t) => {
  const { server, engine } = await start(t);
  const noise = Buffer.from(
    Array.from({ length: 100_000 }, (_, i) => ((i * 7919 + 13) % 251) | (i % 97 === 0 ? 0x80 : 0)),
  );
  for (const headers of [spdyHeaders(V4), webSocketHeaders(V4)]) {
    const socket = await upgrade(server.url(exec(["sleep", "1000"])), headers);
    socket.write(noise);
    socket.resume();
    await closed(socket);
  }
  await ended(engine);
  assert.equal((await run(server.url(exec(["echo", "alive"])))).stdout, "alive\n");
});

test("port-forward over WebSocket channels begins each with the port and carries bytes both ways", async (t) => {
  const { server } = await start(t);
  const port = await echoPort(t);
  const url = server.url({ kind: "portforward", sandboxId: "s", ports: [] });
  url.searchParams.set("port", String(port));
  const { ws, messages, closed } = await webSocketClient(url, V4);
  ws.send(Buffer.from("\x00ping"));
  await waitUntil(() => messages.length >= 3);
  const header = Buffer.alloc(2);
  header.writeUInt16LE(port);
  assert.deepEqual(messages[0], Buffer.concat([Buffer.from([0]), header]));
  assert.deepEqual(messages[1], Buffer.concat([Buffer.from([1]), header]));
  assert.equal(messages[2]?.toString(), "\x00ping");
  ws.close();
  await closed;
});

test("port-forward over WebSocket channels needs a port", async (t) => {
  const { server } = await start(t);
  for (const query of ["", "?port=0", "?port=80,x"]) {
    const url = new URL(query, server.url({ kind: "portforward", sandboxId: "s", ports: [] }));
    assert.equal((await ask(url, "GET", webSocketHeaders(V4))).status, 400);
  }
});

test("port-forward tunnelled in a WebSocket runs SPDY in its messages", async (t) => {
  const { server } = await start(t);
  const url = server.url({ kind: "portforward", sandboxId: "s", ports: [] });
  const socket = connect(Number(url.port), url.hostname);
  const headers = { Host: url.host, ...webSocketHeaders("SPDY/3.1+portforward.k8s.io") };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  socket.write(`GET ${url.pathname} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
  // A binary message of 12 bytes, masked with zeros.
  const ping = Buffer.from("800300060000000400000001", "hex");
  socket.write(Buffer.concat([Buffer.from("828c00000000", "hex"), ping]));
  let received = Buffer.alloc(0);
  while (!received.includes(ping)) {
    const [chunk] = (await once(socket, "data")) as [Buffer];
    received = Buffer.concat([received, chunk]);
  }
  socket.destroy();
  assert.match(
    received.toString("latin1"),
    /^HTTP\/1\.1 101 .*Sec-WebSocket-Protocol: SPDY\/3\.1\+portforward\.k8s\.io\r\n/s,
  );
});

test("port-forward over SPDY refuses streams without type or port and pairs the others by request id", async (t) => {
  const { server } = await start(t);
  const port = await echoPort(t);
  const session = await spdyClient(
    server.url({ kind: "portforward", sandboxId: "s", ports: [] }),
    "portforward.k8s.io",
  );
  const open = (headers: Record<string, string>) => session.openStream(new Map(Object.entries(headers)));
  await assert.rejects(open({ streamtype: "data" }));
  await assert.rejects(open({ streamtype: "data", port: "65536" }));
  await assert.rejects(open({ streamtype: "stdin", port: "80" }));
  const data = await open({ streamtype: "data", port: String(port), requestid: "a" });
  await assert.rejects(open({ streamtype: "data", port: String(port), requestid: "a" }));
  const error = await open({ streamtype: "error", port: String(port), requestid: "a" });
  data.end("there and back");
  assert.equal(await text(data), "there and back");
  assert.equal(await text(error), "");
  session.destroy();
});

test("a port where nothing listens is told on the error stream, and other connections go on", async (t) => {
  const { server } = await start(t);
  const port = await echoPort(t);
  const session = await spdyClient(
    server.url({ kind: "portforward", sandboxId: "s", ports: [] }),
    "portforward.k8s.io",
  );
  const open = (type: string, to: number, id: string) =>
    session.openStream(
      new Map([
        ["streamtype", type],
        ["port", String(to)],
        ["requestid", id],
      ]),
    );
  const [good, bad] = await Promise.all([open("data", port, "1"), open("data", 1, "2")]);
  const [, badError] = await Promise.all([open("error", port, "1"), open("error", 1, "2")]);
  assert.match(await text(badError), /error forwarding port 1: .*ECONNREFUSED/);
  bad.resume();
  good.end("fine");
  assert.equal(await text(good), "fine");
  session.destroy();
});

test("half a pair of forwarding streams is given up in time", async (t) => {
  const { server } = await start(t, { streamCreationTimeoutMs: 50 });
  const session = await spdyClient(
    server.url({ kind: "portforward", sandboxId: "s", ports: [] }),
    "portforward.k8s.io",
  );
  const error = await session.openStream(
    new Map([
      ["streamtype", "error"],
      ["port", "80"],
      ["requestid", "1"],
    ]),
  );
  assert.match(await text(error), /timed out/);
  const data = await session.openStream(
    new Map([
      ["streamtype", "data"],
      ["port", "80"],
      ["requestid", "2"],
    ]),
  );
  data.resume();
  await closed(data);
  const reset = data.errored as { resetStatus?: number } | null;
  assert.equal(reset?.resetStatus, rstStatus.cancel);
  session.destroy();
});

test("an address that cannot be had and a certificate that is none are refused at the start", async () => {
  const engine = new ProcessEngine();
  await assert.rejects(StreamingServer.start(engine, { address: "192.0.2.1" }), (error) =>
    hasCode(error, "Unavailable"),
  );
  const tls = { cert: "no certificate", key: "no key" };
  await assert.rejects(StreamingServer.start(engine, { tls }), (error) => hasCode(error, "InvalidArgument"));
});

type TestContext = { after(fn: () => unknown): void };

async function start<E extends StreamingEngine = ProcessEngine>(
  t: TestContext,
  options: StreamingServerOptions = {},
  engine: E = new ProcessEngine() as unknown as E,
) {
  const server = await StreamingServer.start(engine, options);
  t.after(() => server[Symbol.asyncDispose]());
  return { server, engine };
}

function exec(
  args: readonly string[],
  wanted: Partial<Record<"tty" | "stdin" | "stdout" | "stderr", boolean>> = {},
) {
  const streams = { tty: false, stdin: false, stdout: true, stderr: true, ...wanted };
  return { kind: "exec", containerId: "c", args, ...streams } as const;
}

async function openStreams(url: URL, types: readonly string[]) {
  const session: SpdySession = await spdyClient(url, V4);
  const opened = await Promise.all(types.map((type) => session.openStream(new Map([["streamtype", type]]))));
  const streams: Record<string, SpdyStream | undefined> = Object.fromEntries(
    types.map((type, i) => [type, opened[i]]),
  );
  return { session, streams };
}

async function run(url: URL) {
  const { streams } = await openStreams(url, ["error", "stdout", "stderr"]);
  const [status, stdout] = await Promise.all([
    text(streams.error as SpdyStream),
    text(streams.stdout as SpdyStream),
  ]);
  return { stdout, status: JSON.parse(status) as { status: string } };
}

/** Writes zeros to stdout as fast as they are taken. */
class WritingEngine extends ProcessEngine {
  written = 0;
  readonly #total: number;

  constructor(total: number) {
    super();
    this.#total = total;
  }

  override async exec(_request: unknown, io: StreamIo): Promise<{ exitCode: number }> {
    const chunk = Buffer.alloc(65_536);
    while (this.written < this.#total) {
      if (io.stdout?.write(chunk) === false) await once(io.stdout, "drain");
      this.written += chunk.length;
    }
    return { exitCode: 0 };
  }
}

async function echoPort(t: TestContext): Promise<number> {
  const echo: Server = createServer({ allowHalfOpen: true }, (socket) =>
    socket.on("error", () => {}).pipe(socket),
  );
  echo.listen(0, "127.0.0.1");
  await once(echo, "listening");
  t.after(() => echo.close());
  const address = echo.address();
  assert.ok(address !== null && typeof address === "object");
  return address.port;
}

/** Also when it ends with an error. */
async function closed(stream: Duplex): Promise<void> {
  if (stream.closed) return;
  await new Promise<void>((resolve) => {
    stream.once("close", resolve);
  });
}

async function ended(engine: ProcessEngine): Promise<void> {
  await waitUntil(() => engine.signals.length > 0 && engine.running.size === 0);
}

async function waitUntil(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Resolves when a number that only ever grows has stopped growing. */
async function settled(look: () => number): Promise<void> {
  for (let before = Number.NaN; before !== look(); ) {
    before = look();
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

function base64(plain: string): string {
  return Buffer.from(plain).toString("base64");
}
