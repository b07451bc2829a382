import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { Readable, type Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { test } from "node:test";
import { promisify } from "node:util";
import { StreamingServer, type StreamingServerOptions } from "../../doors/streaming/index.ts";
import { ProcessEngine } from "../../doors/streaming/testing/process-engine.ts";
import { hasCode, messageOf } from "../../ground/errors/index.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import {
  connectPortForward,
  connectRemoteCommand,
  type RemoteCommandOptions,
  StreamClientError,
} from "./index.ts";

const TRANSPORTS = ["websocket", "spdy"] as const;

for (const transport of TRANSPORTS) {
  test(`${transport}: output, errors and the exit code arrive`, async (t) => {
    const { exec } = await start(t);
    await using command = await exec(["sh", "-c", "echo out; echo err >&2; exit 3"], { transport });
    const { stdout, stderr } = command;
    assert.ok(stdout !== undefined && stderr !== undefined && command.stdin === undefined);
    assert.deepEqual(await Promise.all([text(stdout), text(stderr), command.exitCode]), [
      "out\n",
      "err\n",
      3,
    ]);
  });

  test(`${transport}: a command that cannot be run rejects with the reason`, async (t) => {
    const { exec } = await start(t);
    await using command = await exec(["/no/such/command"], { transport });
    await assert.rejects(command.exitCode, (error) => {
      return (
        error instanceof StreamClientError &&
        error.code === "Unknown" &&
        /\/no\/such\/command/.test(error.message)
      );
    });
  });

  test(`${transport}: 64 MiB of random bytes through cat come back unchanged`, async (t) => {
    const { exec } = await start(t);
    await using command = await exec(["cat"], { transport, stdin: true, stderr: false });
    const sent = createHash("sha256");
    const received = createHash("sha256");
    assert.ok(command.stdin !== undefined && command.stdout !== undefined);
    await Promise.all([
      pipeline(Readable.from(randomChunks(64)), hashInto(sent), command.stdin),
      pipeline(command.stdout, received),
      command.exitCode,
    ]);
    assert.equal(received.digest("hex"), sent.digest("hex"));
  });

  test(`${transport}: a write may have any size`, async (t) => {
    const { exec } = await start(t);
    await using command = await exec(["wc", "-c"], { transport, stdin: true, stderr: false });
    command.stdin?.end(Buffer.alloc(10_000_000));
    assert.equal(await text(command.stdout as Readable), "10000000\n");
  });

  test(`${transport}: a command that ends before it has read its stdin ends the client too`, async (t) => {
    const { exec } = await start(t);
    await using command = await exec(["head", "-c", "3"], { transport, stdin: true });
    assert.ok(command.stdin !== undefined && command.stdout !== undefined);
    const writing = pipeline(Readable.from(randomChunks(16)), command.stdin).catch(() => {});
    command.stderr?.resume();
    assert.equal((await text(command.stdout)).length > 0, true);
    assert.equal(await command.exitCode, 0);
    await writing;
  });

  test(`${transport}: terminal sizes reach the engine`, async (t) => {
    const { exec, engine } = await start(t);
    await using command = await exec(["cat"], { transport, tty: true, stdin: true, stderr: false });
    command.resize({ width: 100, height: 30 });
    command.resize({ width: 120, height: 40 });
    await waitUntil(() => engine.sizes.length === 2);
    assert.deepEqual(engine.sizes, [
      { width: 100, height: 30 },
      { width: 120, height: 40 },
    ]);
    command.stdin?.end();
    command.stdout?.resume();
    assert.equal(await command.exitCode, 0);
  });

  test(`${transport}: disposing the client ends the process`, async (t) => {
    const { exec, engine } = await start(t);
    const command = await exec(["sleep", "1000"], { transport });
    await waitUntil(() => engine.running.size === 1);
    await command[Symbol.asyncDispose]();
    await waitUntil(() => engine.running.size === 0);
    await assert.rejects(command.exitCode, (error) => hasCode(error, "Unavailable"));
  });

  test(`${transport}: attach carries stdin to the container and its output back`, async (t) => {
    const { server } = await start(t);
    const streams = { tty: false, stdin: true, stdout: true, stderr: false };
    const url = async () => server.url({ kind: "attach", containerId: "c", ...streams });
    await using attached = await connectRemoteCommand({ url, transport, ...streams });
    assert.ok(attached.stdin !== undefined && attached.stdout !== undefined);
    attached.stdin.end("hello");
    assert.equal(await text(attached.stdout), "hello");
    assert.equal(await attached.exitCode, 0);
  });

  test(`${transport}: 50 commands at once`, async (t) => {
    const { exec } = await start(t);
    const outputs = Array.from({ length: 50 }, async (_, n) => {
      await using command = await exec(["cat"], { transport, stdin: true, stderr: false });
      command.stdin?.end(`number ${n}`);
      return await text(command.stdout as Readable);
    });
    assert.deepEqual(
      await Promise.all(outputs),
      Array.from({ length: 50 }, (_, n) => `number ${n}`),
    );
  });
}

test("a server without version 5 is spoken to over SPDY, with a new URL", async (t) => {
  const { server } = await start(t);
  const tried: string[] = [];
  const url = async () => {
    const streams = { tty: false, stdin: true, stdout: true, stderr: false };
    const fresh = server.url({ kind: "exec", containerId: "c", args: ["cat"], ...streams });
    tried.push(fresh.href);
    // The first attempt finds what a server says that does not know the protocol.
    return tried.length === 1 ? new URL("/elsewhere", fresh) : fresh;
  };
  await using command = await connectRemoteCommand({
    url,
    tty: false,
    stdin: true,
    stdout: true,
    stderr: false,
  });
  command.stdin?.end("fell back");
  assert.equal(await text(command.stdout as Readable), "fell back");
  assert.equal(tried.length, 2);
});

test("a server that cannot be reached, and one that refuses, say so", async (t) => {
  const { server } = await start(t);
  const streams = { tty: false, stdin: false, stdout: true, stderr: false };
  const closedPort = async () => new URL("http://127.0.0.1:1/exec/x");
  const unnamed = async () => new URL("http://streaming.invalid:1/exec/x");
  const unknown = async () => new URL("/exec/AAAAAAAAAAAAAAAAAAAAAA", server.url(echoRequest));
  for (const transport of TRANSPORTS) {
    await assert.rejects(connectRemoteCommand({ url: closedPort, transport, ...streams }), (error) => {
      return hasCode(error, "Unavailable");
    });
    await assert.rejects(connectRemoteCommand({ url: unnamed, transport, ...streams }), (error) => {
      return (
        /host streaming\.invalid.*\/etc\/resolv\.conf/.test(messageOf(error)) &&
        !/getaddrinfo/.test(messageOf(error))
      );
    });
    await assert.rejects(
      connectRemoteCommand({ url: unknown, transport, ...streams }),
      /answered 404: no such/,
    );
  }
});

test("an aborted signal ends a running command", async (t) => {
  const { exec, engine } = await start(t);
  const controller = new AbortController();
  await using command = await exec(["sleep", "1000"], { signal: controller.signal });
  await waitUntil(() => engine.running.size === 1);
  controller.abort();
  await assert.rejects(command.exitCode);
  await waitUntil(() => engine.running.size === 0);
});

test("forwarded connections carry bytes both ways and end on each side by themselves", async (t) => {
  const { server } = await start(t);
  const { port } = await listen(t, (socket) => socket.pipe(socket));
  const url = async () => server.url({ kind: "portforward", sandboxId: "s", ports: [] });
  await using client = await connectPortForward({ url });
  const near = await listen(t, (socket) => void client.forward(socket, port).catch(() => socket.destroy()));
  const replies = Array.from({ length: 100 }, async (_, n) => {
    const socket = connect({ port: near.port, host: "127.0.0.1", allowHalfOpen: true });
    socket.end(`connection ${n}`);
    return text(socket);
  });
  assert.deepEqual(
    await Promise.all(replies),
    Array.from({ length: 100 }, (_, n) => `connection ${n}`),
  );
});

test("a port where nothing listens rejects with the runtime's message and leaves the other connections alone", async (t) => {
  const { server } = await start(t);
  const { port } = await listen(t, (socket) => socket.pipe(socket));
  const url = async () => server.url({ kind: "portforward", sandboxId: "s", ports: [] });
  await using client = await connectPortForward({ url });
  const [local] = await socketPair(t);
  await assert.rejects(client.forward(local, 1), /error forwarding port 1/);
  const [near, far] = await socketPair(t);
  const forwarding = client.forward(near, port);
  far.end("still here");
  assert.equal(await text(far), "still here");
  await forwarding;
});

test("over TLS the server asks for a client certificate when it has a CA for them", async (t) => {
  const { server, tls } = await startTls(t);
  const streams = { tty: false, stdin: false, stdout: true, stderr: false };
  const url = async () => server.url(echoRequest);
  assert.equal((await url()).protocol, "https:");
  for (const transport of TRANSPORTS) {
    await using command = await connectRemoteCommand({ url, transport, tls, ...streams });
    assert.equal(await text(command.stdout as Readable), "hi\n");
    const stranger = { ca: tls.ca };
    await assert.rejects(async () => {
      await using uninvited = await connectRemoteCommand({ url, transport, tls: stranger, ...streams });
      await uninvited.exitCode;
    });
  }
});

const echoRequest = {
  kind: "exec",
  containerId: "c",
  args: ["echo", "hi"],
  tty: false,
  stdin: false,
  stdout: true,
  stderr: false,
} as const;

type TestContext = { after(fn: () => unknown): void };

async function start(t: TestContext, options: StreamingServerOptions = {}) {
  const engine = new ProcessEngine();
  const server = await StreamingServer.start(engine, options);
  t.after(() => server[Symbol.asyncDispose]());
  const exec = (args: readonly string[], wanted: Partial<RemoteCommandOptions> = {}) => {
    const streams = { tty: false, stdin: false, stdout: true, stderr: true, ...wanted };
    const { tty, stdin, stdout, stderr } = streams;
    const url = async () => server.url({ kind: "exec", containerId: "c", args, tty, stdin, stdout, stderr });
    return connectRemoteCommand({ url, ...streams });
  };
  return { server, engine, exec };
}

/** A server with a self-signed certificate, which is also the CA and the certificate of its clients. */
async function startTls(t: TestContext) {
  await using directory = await tempDir();
  const [key, cert] = [join(directory.path, "key.pem"), join(directory.path, "cert.pem")];
  await promisify(execFile)("openssl", [
    ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=streaming".split(
      " ",
    ),
    ...["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
  ]);
  const pem = { cert: await readFile(cert, "utf8"), key: await readFile(key, "utf8") };
  const { server } = await start(t, { tls: { ...pem, clientCa: pem.cert } });
  return { server, tls: { ...pem, ca: pem.cert } };
}

async function listen(t: TestContext, onConnection: (socket: Socket) => unknown): Promise<{ port: number }> {
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    t.after(() => socket.destroy());
    onConnection(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return { port: address.port };
}

async function socketPair(t: TestContext): Promise<[Socket, Socket]> {
  const { promise, resolve } = Promise.withResolvers<Socket>();
  const { port } = await listen(t, resolve);
  const far = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  far.on("error", () => {});
  return [await promise, far];
}

function* randomChunks(mebibytes: number): Generator<Buffer> {
  for (let i = 0; i < mebibytes * 16; i++) yield randomBytes(65_536);
}

function hashInto(hash: { update(data: Buffer): unknown } & Writable) {
  return async function* (source: AsyncIterable<Buffer>) {
    for await (const chunk of source) {
      hash.update(chunk);
      yield chunk;
    }
  };
}

async function waitUntil(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 5));
}
