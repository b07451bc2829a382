import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { describe, test } from "node:test";
import { DirectRequests } from "./direct-requests.ts";

type Server = AsyncDisposable & { readonly url: URL; readonly asked: string[]; connections: number };

/** Answers each request with what `answer` says, as it is. */
async function serve(answer: (request: string, socket: Socket) => void): Promise<Server> {
  const sockets = new Set<Socket>();
  const listening = createServer((socket) => {
    server.connections++;
    sockets.add(socket);
    socket.on("error", () => undefined);
    let text = "";
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1");
      if (!text.endsWith("\r\n\r\n")) return;
      server.asked.push(text);
      answer(text, socket);
      text = "";
    });
  });
  await once(listening.listen(0, "127.0.0.1"), "listening");
  const server: Server = {
    url: new URL(`http://127.0.0.1:${(listening.address() as AddressInfo).port}/blob?a=b`),
    asked: [],
    connections: 0,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      listening.close();
    },
  };
  return server;
}

function requestTo(url: URL, headers: Readonly<Record<string, string>> = {}, signal?: AbortSignal) {
  return { url, headers, connect: { timeout: 5000 }, progressTimeoutMs: 5000, signal };
}

async function bodyOf(answer: Awaited<ReturnType<DirectRequests["get"]>>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of answer?.body ?? assert.fail("not understood")) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

const large = Buffer.alloc(5_000_003, "0123456789abcdef!");

describe("a body is read", () => {
  const framed: Readonly<Record<string, (socket: Socket) => void>> = {
    "by its length": (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${large.length}\r\n\r\n`);
      socket.write(large);
    },
    "in chunks, with extensions and trailers": (socket) => {
      socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      for (let at = 0; at < large.length; at += 777_777) {
        const chunk = large.subarray(at, at + 777_777);
        socket.write(`${chunk.length.toString(16)};a=b\r\n`);
        socket.write(chunk);
        socket.write("\r\n");
      }
      socket.write("0\r\nChecked: yes\r\n\r\n");
    },
    "up to the connection's end": (socket) => {
      socket.write("HTTP/1.1 200\r\n\r\n");
      socket.end(large);
    },
    "behind an early hint, byte by byte": (socket) => {
      socket.setNoDelay(true);
      const head = `HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: ${large.length}\r\n\r\n`;
      for (const byte of head) socket.write(byte);
      socket.write(large);
    },
  };
  for (const [how, answer] of Object.entries(framed))
    test(how, async () => {
      await using server = await serve((_, socket) => answer(socket));
      using requests = new DirectRequests();
      for (let times = 0; times < 2; times++) {
        const body = await bodyOf(await requests.get("", requestTo(server.url)));
        assert.ok(body.equals(large));
      }
      assert.equal(server.connections, how.includes("end") ? 2 : 1);
    });
});

test("the request has the headers that were given, and the path with its query", async () => {
  await using server = await serve((_, socket) =>
    socket.write("HTTP/1.1 404 No\r\ncontent-length: 2\r\n\r\nno"),
  );
  using requests = new DirectRequests();
  const answer = await requests.get("", requestTo(server.url, { authorization: "Bearer x" }));
  assert.equal(answer?.status, 404);
  assert.equal((await bodyOf(answer)).toString(), "no");
  const host = server.url.host;
  assert.deepEqual(server.asked, [
    `GET /blob?a=b HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer x\r\n\r\n`,
  ]);
});

test("headers that would be another request are not sent", async () => {
  await using server = await serve(() => assert.fail("asked"));
  using requests = new DirectRequests();
  const request = requestTo(server.url, { "x-a": "b\r\n\r\nGET /other HTTP/1.1" });
  assert.equal(await requests.get("", request), undefined);
  assert.equal(server.connections, 0);
});

test("an answer with a length and chunks is not understood, and no more are asked for", async () => {
  await using server = await serve((_, socket) =>
    socket.write("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
  );
  using requests = new DirectRequests();
  assert.equal(await requests.get("", requestTo(server.url)), undefined);
  assert.equal(await requests.get("", requestTo(server.url)), undefined);
  assert.equal(server.asked.length, 1);
});

test("a connection on which more came than was asked for is not used again", async () => {
  await using server = await serve((_, socket) =>
    socket.write(
      "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfake",
    ),
  );
  using requests = new DirectRequests();
  for (let times = 0; times < 2; times++)
    assert.equal((await bodyOf(await requests.get("", requestTo(server.url)))).toString(), "ok");
  assert.equal(server.connections, 2);
});

test("a connection that the server has ended meanwhile is replaced", async () => {
  let answers = 0;
  await using server = await serve((_, socket) => {
    if (++answers === 2) socket.destroy();
    else socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
  });
  using requests = new DirectRequests();
  for (let times = 0; times < 2; times++)
    assert.equal((await bodyOf(await requests.get("", requestTo(server.url)))).toString(), "ok");
  assert.equal(server.connections, 2);
});

test("a body that breaks off is an error that may pass", async () => {
  await using server = await serve((_, socket) =>
    socket.end("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok"),
  );
  using requests = new DirectRequests();
  const answer = await requests.get("", requestTo(server.url));
  await assert.rejects(bodyOf(answer), { code: "Unavailable", transient: true });
});

test("no more is read ahead of the reader than has room, and an abort ends the wait", async () => {
  let written = 0;
  await using server = await serve((_, socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${1e9}\r\n\r\n`);
    const pump = () => {
      while (written < 1e9 && socket.write(large)) written += large.length;
      socket.once("drain", pump);
    };
    pump();
  });
  using requests = new DirectRequests();
  const abort = new AbortController();
  const answer = await requests.get("", requestTo(server.url, {}, abort.signal));
  const memory = process.memoryUsage().arrayBuffers;
  let received = 0;
  await assert.rejects(
    async () => {
      for await (const piece of answer?.body ?? []) {
        received += piece.length;
        if (received > 50e6) abort.abort(new Error("enough"));
      }
    },
    { message: "enough" },
  );
  assert.ok(process.memoryUsage().arrayBuffers - memory < 8e6);
});
