import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type Misbehaviour, startFakeRegistry } from "../../testing/fake-registry.ts";
import { imageOf } from "../../testing/images.ts";
import { until } from "../../testing/until.ts";
import type { Descriptor } from "../oci/index.ts";
import { createRegistry } from "./index.ts";
import { referenceTo, testOptions } from "./testing/options.ts";

const partBytes = 256 * 1024;
const parts = { partBytes, most: 3, waitMs: 10 };
/** What a connection gets every ten milliseconds. */
const pieceBytes = 32 * 1024;

async function slowly(response: ServerResponse, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length && !response.destroyed; at += pieceBytes) {
    await delay(10);
    response.write(bytes.subarray(at, at + pieceBytes));
  }
  response.end();
}

type Tried = {
  readonly asked: readonly string[];
  readonly mostOpen: number;
  /** The lengths of what came. */
  readonly lengths: readonly number[];
};

/**
 * Fetches a blob from a registry that sends slowly. `part` answers a request for a part, if it does;
 * `headers` are the whole blob's.
 */
async function fetchSlowly(
  part: (response: ServerResponse, bytes: Uint8Array) => Promise<boolean>,
  { headers: ofWhole = {} }: { readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<Tried> {
  const image = await imageOf({
    layers: [[{ name: "f", content: randomBytes(4_000_000) }]],
    compression: "none",
  });
  const [digest, { bytes, mediaType }] =
    [...image.blobs].find(([, blob]) => blob.bytes.length > 1e6) ?? assert.fail();
  const layer: Descriptor = { mediaType, digest, size: bytes.length };
  let [open, mostOpen] = [0, 0];
  const asked: string[] = [];
  const answer: Misbehaviour = async ({ url, headers }, response) => {
    if (url?.includes("/blobs/") !== true) return false;
    const [, first = "0", last] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? "") ?? [];
    const [start, end] = [Number(first), last === undefined || last === "" ? bytes.length : Number(last) + 1];
    const wanted = bytes.subarray(start, end);
    if (headers.range !== undefined) {
      asked.push(headers.range);
      const range = `bytes ${start}-${end - 1}/${bytes.length}`;
      response.statusCode = 206;
      response.setHeader("content-range", range);
      if (end < bytes.length && (await part(response, wanted))) return true;
    }
    for (const [name, value] of Object.entries(ofWhole)) response.setHeader(name, value);
    response.setHeader("content-length", wanted.length);
    if (end < bytes.length) mostOpen = Math.max(mostOpen, ++open);
    await slowly(response, wanted);
    if (end < bytes.length) open--;
    return true;
  };
  await using server = await startFakeRegistry({ "a:b": image }, answer);
  await using registry = createRegistry(testOptions({ parts }));
  const chunks: Uint8Array[] = [];
  for await (const chunk of registry.fetchBlob(referenceTo(server, "a:b"), layer, 0))
    chunks.push(chunk === "restart" ? assert.fail("begun anew") : Buffer.from(chunk));
  assert.ok(Buffer.from(bytes).equals(Buffer.concat(chunks)));
  return { asked, mostOpen, lengths: chunks.map(({ length }) => length) };
}

test("parts of a large blob on a slow network come over further connections, none twice", async () => {
  const { asked, mostOpen } = await fetchSlowly(async () => false);
  assert.equal(mostOpen, parts.most);
  assert.equal(new Set(asked).size, asked.length);
  assert.ok(asked.length > 4, asked.join(", "));
});

test("a server that sends the whole blob instead of a part is asked for no more parts", async () => {
  const { asked } = await fetchSlowly(async (response) => {
    response.removeHeader("content-range");
    response.statusCode = 200;
    response.end("all");
    return true;
  });
  assert.equal(asked.length, 1);
});

const isPart = (range: string) => /^bytes=\d+-\d+$/.test(range);

test("if the connection of a part breaks, the rest comes over the first or a new one, and again in parts", async () => {
  let broken = 0;
  const { asked } = await fetchSlowly(async (response, bytes) => {
    if (broken++ > 0) return false;
    await slowly(response, bytes.subarray(0, bytes.length / 2));
    return true;
  });
  assert.ok(asked.filter(isPart).length > 4, asked.join(", "));
});

test("after repeated failures of parts, one connection fetches the blob", async () => {
  const { asked } = await fetchSlowly(async (response, bytes) => {
    await slowly(response, bytes.subarray(0, bytes.length - 1));
    return true;
  });
  const parted = asked.filter(isPart);
  assert.ok(parted.length <= 4 * parts.most, asked.join(", "));
  assert.ok(asked.length - parted.length <= 4, asked.join(", "));
});

test("a server that refuses further requests gets none while it keeps sending", async () => {
  const { asked } = await fetchSlowly(async (response) => {
    response.removeHeader("content-range");
    response.statusCode = 429;
    response.setHeader("retry-after", "1");
    response.end();
    return true;
  });
  assert.equal(asked.length, 1, asked.join(", "));
});

test("a part of another version of the blob is rejected", async () => {
  const headers = { etag: '"one"' };
  const { asked } = await fetchSlowly(
    async (response, bytes) => {
      response.setHeader("etag", '"two"');
      response.end(Buffer.alloc(bytes.length));
      return true;
    },
    { headers },
  );
  assert.equal(asked.length, 1, asked.join(", "));
});

test("a part may be behind a further redirect that is valid for only one request", async () => {
  let redirects = 0;
  const { asked } = await fetchSlowly(async (response, bytes) => {
    if (redirects++ % 2 > 0) {
      await slowly(response, bytes);
      return true;
    }
    response.removeHeader("content-range");
    response.writeHead(307, { location: `${response.req.url}?signature=${redirects}` }).end();
    return true;
  });
  assert.ok(redirects > 8, asked.join(", "));
});

test("an abort also ends the requests for parts", async () => {
  const image = await imageOf({
    layers: [[{ name: "f", content: randomBytes(4_000_000) }]],
    compression: "none",
  });
  const [digest, { bytes, mediaType }] =
    [...image.blobs].find(([, blob]) => blob.bytes.length > 1e6) ?? assert.fail();
  const open = new Set<ServerResponse>();
  await using server = await startFakeRegistry({ "a:b": image }, async ({ url, headers }, response) => {
    if (url?.includes("/blobs/") !== true) return false;
    open.add(response);
    response.on("close", () => open.delete(response));
    const [, first = "0", last] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "") ?? [];
    if (last === undefined) {
      void slowly(response, bytes);
      return true;
    }
    response.writeHead(206, { "content-range": `bytes ${first}-${last}/${bytes.length}` });
    // And nothing more.
    response.flushHeaders();
    return true;
  });
  await using registry = createRegistry(testOptions({ parts }));
  const abort = new AbortController();
  const blob = { mediaType, digest, size: bytes.length };
  const received = registry.fetchBlob(referenceTo(server, "a:b"), blob, 0, abort.signal);
  await assert.rejects(
    async () => {
      for await (const _ of received) if (open.size === 1 + parts.most) abort.abort();
    },
    { code: "Canceled" },
  );
  await until(async () => open.size === 0);
});

test("a part that arrives byte by byte takes no more memory than its size", async () => {
  const { lengths } = await fetchSlowly(async (response, bytes) => {
    for (const byte of bytes.subarray(0, 2000)) response.write(Buffer.of(byte));
    response.end(bytes.subarray(2000));
    return true;
  });
  assert.ok(lengths.includes(partBytes), lengths.join(", "));
  assert.ok(lengths.every((length) => length > 1));
});
