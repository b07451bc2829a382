import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmod, truncate, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createLogger } from "../../ground/logging/index.ts";
import { digestOf } from "../../parts/oci/index.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { until } from "../../testing/until.ts";
import {
  fetchFromPeers,
  type Peer,
  type PeerAccess,
  PeerServer,
  type PeerSettings,
  Peers,
  readPeerSettings,
} from "./index.ts";
import { nodeCertificates } from "./testing/certificates.ts";

const logger = createLogger({ level: "fatal", format: "json" });
const token = "token-of-all-these-nodes";
const bytes = randomBytes(1024 * 1024);
const blob = { digest: digestOf(bytes), size: bytes.length };
/** More than sockets hold, of a file without content. */
const largeBytes = 64 * 1024 * 1024;
const large = digestOf(Buffer.from("large"));
const never = new AbortController().signal;

describe("peers", () => {
  let directory: Awaited<ReturnType<typeof tempDir>>;
  let tokenFile: string;
  let path: string;
  let largePath: string;
  let own: Awaited<ReturnType<typeof nodeCertificates>>;
  const none = { certificateFile: "", keyFile: "", caFile: "", tokenFile: "", serverName: "" };
  const settings = (more: Partial<PeerSettings> = {}): PeerSettings => ({
    listen: "127.0.0.1:0",
    from: [],
    ...none,
    maxUploads: 2,
    timeoutMs: 1000,
    ...more,
  });
  const start = async (more: Partial<PeerSettings> = {}) => {
    const { server: serving, access } = await readPeerSettings(settings(more));
    assert.ok(serving);
    const served = (digest: string) => {
      if (digest === large) return { path: largePath, size: largeBytes };
      return digest === blob.digest ? { path, size: bytes.length } : undefined;
    };
    const server = await PeerServer.start(serving, served, logger);
    return {
      server,
      access,
      peer: peerAt(server.port),
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  };
  const peerAt = (port: number): Peer => ({ name: "127.0.0.1", address: "127.0.0.1", port });
  const fetch = async (peers: readonly Peer[], access: PeerAccess, wanted = blob, signal = never) => {
    const chunks: Uint8Array[] = [];
    const sink = {
      write: (chunk: Uint8Array) => void chunks.push(chunk),
      restart: async () => void chunks.splice(0),
    };
    const { from, failures } = await fetchFromPeers(peers, access, wanted, sink, signal);
    const received = Buffer.concat(chunks);
    const isWhole = from !== undefined && received.equals(bytes);
    return { from, reasons: failures.map(({ reason }) => reason), isWhole, length: received.length };
  };
  /** A server that is no node of ours. */
  const startOther = async (listener: RequestListener) => {
    const server = createServer(listener);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return {
      peer: peerAt((server.address() as AddressInfo).port),
      [Symbol.dispose]: () => {
        server.close();
        server.closeAllConnections();
      },
    };
  };
  const says = { "content-length": bytes.length };

  before(async () => {
    directory = await tempDir();
    tokenFile = join(directory.path, "token");
    path = join(directory.path, "blob");
    largePath = join(directory.path, "large");
    await writeFile(tokenFile, `${token}\n`, { mode: 0o600 });
    await writeFile(path, bytes);
    await writeFile(largePath, "");
    await truncate(largePath, largeBytes);
    own = await nodeCertificates(directory.path, "own");
  });
  after(() => directory[Symbol.asyncDispose]());

  test("give a blob by its digest to who shows a certificate of their authority, and to nobody else", async () => {
    await using node = await start(own);
    assert.equal((await fetch([node.peer], node.access)).isWhole, true);
    const stranger = await nodeCertificates(directory.path, "stranger");
    const { access } = await readPeerSettings(settings({ ...stranger, caFile: own.caFile }));
    const asStranger = await fetch([node.peer], access);
    assert.equal(asStranger.from, undefined);
    assert.equal(asStranger.reasons.length, 1);
    const unnamed = await fetch([node.peer], { ...node.access, identity: undefined });
    assert.equal(unnamed.from, undefined);
    await until(() => node.server.counts.served === 1);
  });

  test("are asked only when their certificate is of the authority, and names them", async () => {
    await using node = await start(own);
    const stranger = await nodeCertificates(directory.path, "another");
    const { access } = await readPeerSettings(settings(stranger));
    assert.match((await fetch([node.peer], access)).reasons.join(), /certificate/);
    const named = { ...node.access, serverName: "node.example.test" };
    assert.equal((await fetch([node.peer], named)).isWhole, true);
    const misnamed = { ...node.access, serverName: "other.example.test" };
    assert.match((await fetch([node.peer], misnamed)).reasons.join(), /does not match certificate/);
  });

  test("give a blob over TLS to who shows the token", async () => {
    await using node = await start({ ...own, tokenFile });
    const { ca } = node.access;
    assert.ok(ca);
    const access: PeerAccess = { ...node.access, identity: undefined };
    assert.equal((await fetch([node.peer], access)).isWhole, true);
    const wrong = await fetch([node.peer], { ...access, token: "another-token-altogether" });
    assert.deepEqual(wrong.reasons, ["answered 401"]);
    const without = await fetch([node.peer], { ...access, token: undefined });
    assert.deepEqual(without.reasons, ["answered 401"]);
    await until(() => node.server.counts.refused === 2);
  });

  test("tell nothing of what they have but to who asks for its digest, and give parts of it", async () => {
    await using node = await start({ tokenFile });
    const ask = async (url: string, range?: string, method = "GET") => {
      const headers = { authorization: `Bearer ${token}`, ...(range === undefined ? {} : { range }) };
      const sent = request({
        host: "127.0.0.1",
        port: node.peer.port,
        path: url,
        method,
        headers,
        agent: false,
      });
      sent.end();
      const [response] = await once(sent, "response");
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk);
      return {
        status: response.statusCode,
        range: response.headers["content-range"],
        body: Buffer.concat(chunks),
      };
    };
    const url = `/v1/blobs/${blob.digest}`;
    for (const [other, method] of [
      ["/v1/blobs/", "GET"],
      ["/", "GET"],
      [`/v1/blobs/sha256:${"0".repeat(64)}`, "GET"],
      [`/v1/blobs/../${blob.digest}`, "GET"],
      [url, "DELETE"],
    ] as const) {
      const { status, body } = await ask(other, undefined, method);
      assert.equal(status, method === "GET" ? 404 : 405);
      assert.equal(body.length, 0);
    }
    const part = await ask(url, "bytes=10-19");
    assert.equal(part.status, 206);
    assert.equal(part.range, `bytes 10-19/${bytes.length}`);
    assert.deepEqual(part.body, bytes.subarray(10, 20));
    assert.deepEqual((await ask(url, `bytes=${bytes.length - 5}-`)).body, bytes.subarray(-5));
    assert.equal((await ask(url, `bytes=${bytes.length}-`)).status, 416);
    assert.equal((await ask(url, "bytes=5-2")).status, 200);
  });

  test("that lie, send too much or too little are given up for one that does not", async () => {
    await using node = await start({ tokenFile });
    const cases: readonly (readonly [RequestListener, RegExp])[] = [
      [(_, response) => response.writeHead(200, says).end(randomBytes(bytes.length)), /with digest sha256:/],
      [
        (_, response) => response.writeHead(200, { "content-length": 5 }).end("other"),
        /has 5 bytes, not 1048576/,
      ],
      [(_, response) => response.writeHead(500).end(), /answered 500/],
      [
        (incoming, response) => {
          response.writeHead(200, says);
          if (incoming.method === "HEAD") response.end();
          else response.write(bytes.subarray(0, 1000), () => response.destroy());
        },
        /broke off/,
      ],
    ];
    for (const [listener, reason] of cases) {
      using other = await startOther(listener);
      const alone = await fetch([other.peer], node.access);
      assert.equal(alone.from, undefined);
      assert.equal(alone.length, 0);
      assert.match(alone.reasons.join(), reason);
      const both = await fetch([other.peer, node.peer], node.access);
      assert.deepEqual(both.from, node.peer);
      assert.equal(both.isWhole, true);
    }
  });

  test("that stall are given up in time, before and after they have said that they have a blob", async () => {
    const access = { ...(await readPeerSettings(settings({ tokenFile }))).access, timeoutMs: 200 };
    using silent = await startOther(() => undefined);
    assert.deepEqual((await fetch([silent.peer], access)).reasons, ["did not answer in time"]);
    using stalling = await startOther((incoming, response) => {
      response.writeHead(200, says);
      if (incoming.method === "HEAD") response.end();
      else response.write(bytes.subarray(0, 1000));
    });
    assert.match((await fetch([stalling.peer], access)).reasons.join(), /sent only \d+ bytes in 200 ms/);
    const abort = new AbortController();
    const waiting = fetch([stalling.peer], { ...access, timeoutMs: 60_000 }, blob, abort.signal);
    abort.abort(new Error("given up"));
    await assert.rejects(waiting, { message: "given up" });
  });

  test("that have enough to do, or lack the blob, are asked again for the next", async () => {
    await using node = await start({ tokenFile, maxUploads: 1, timeoutMs: 5000 });
    const headers = { authorization: `Bearer ${token}` };
    const url = `/v1/blobs/${large}`;
    const sent = request({ host: "127.0.0.1", port: node.peer.port, path: url, headers, agent: false });
    sent.end();
    const [held] = await once(sent, "response");
    const busy = await fetch([node.peer], node.access);
    assert.equal(busy.from, undefined);
    assert.deepEqual(busy.reasons, []);
    await until(() => node.server.counts.busy === 1);
    held.destroy();
    const other = { digest: digestOf(Buffer.from("other")), size: 5 };
    assert.deepEqual((await fetch([node.peer], node.access, other)).reasons, []);
  });

  test("are not asked for a while when they have failed, and one's own address never", async () => {
    const { access } = await readPeerSettings(settings({ tokenFile }));
    const all = [1, 2, 3].map(peerAt);
    const peers = new Peers(access, { all: async () => all }, 3, logger);
    const ports = async () => (await peers.candidates()).map(({ port }) => port).sort();
    assert.deepEqual(await ports(), [1, 2]);
    peers.note(5, { from: all[0], failures: [{ peer: peerAt(2), reason: "lied" }] });
    assert.deepEqual(await ports(), [1]);
    peers.note(5, { from: undefined, failures: [] });
    assert.deepEqual(peers.counts, { fetched: 1, fetchedBytes: 5, missed: 1, failures: 1 });
  });

  test("are refused a configuration by which anybody could ask, or the network could listen", async () => {
    const open = join(directory.path, "open");
    await writeFile(open, token);
    await chmod(open, 0o644);
    const short = join(directory.path, "short");
    await writeFile(short, "short", { mode: 0o600 });
    const cases: readonly (readonly [Partial<PeerSettings>, RegExp])[] = [
      [{}, /needs token_file, or certificate_file, key_file and ca_file/],
      [{ caFile: own.caFile }, /needs token_file, or/],
      [{ tokenFile, listen: "0.0.0.0:0" }, /0\.0\.0\.0 needs certificate_file and key_file; only loopback/],
      [{ tokenFile, listen: "node.example:1" }, /is not an IP address/],
      [{ tokenFile, listen: "127.0.0.1" }, /"127\.0\.0\.1" is not HOST:PORT/],
      [{ tokenFile, certificateFile: own.certificateFile }, /are needed together/],
      [{ tokenFile: open }, /is readable by other users/],
      [{ tokenFile: short }, /expected a token of at least 16/],
      [{ tokenFile: "/nonexistent" }, /cannot read \/nonexistent/],
    ];
    for (const [more, message] of cases)
      await assert.rejects(readPeerSettings(settings(more)), { code: "FailedPrecondition", message });
    const { access } = await readPeerSettings(settings({ tokenFile }));
    const afar = { name: "192.0.2.1", address: "192.0.2.1", port: 1 };
    assert.match(
      (await fetch([afar], access)).reasons.join(),
      /without TLS only loopback addresses are asked/,
    );
  });
});
