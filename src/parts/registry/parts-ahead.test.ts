import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type Misbehaviour, startFakeRegistry } from "../../testing/fake-registry.ts";
import { imageOf } from "../../testing/images.ts";
import type { Descriptor } from "../oci/index.ts";
import { createRegistry } from "./index.ts";
import { collect, referenceTo, testOptions } from "./testing/options.ts";

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

/** Fetches a blob from a registry that sends slowly. `part` answers a request for a part, if it does. */
async function fetchSlowly(part: (response: ServerResponse, bytes: Uint8Array) => Promise<boolean>) {
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
    response.setHeader("content-length", wanted.length);
    if (end < bytes.length) mostOpen = Math.max(mostOpen, ++open);
    await slowly(response, wanted);
    if (end < bytes.length) open--;
    return true;
  };
  await using server = await startFakeRegistry({ "a:b": image }, answer);
  await using registry = createRegistry(testOptions({ parts }));
  const got = await collect(registry.fetchBlob(referenceTo(server, "a:b"), layer, 0));
  assert.ok(Buffer.from(bytes).equals(got.bytes));
  return { asked, mostOpen };
}

test("of a large blob on a slow network, parts come over further connections, none twice", async () => {
  const { asked, mostOpen } = await fetchSlowly(async () => false);
  assert.equal(mostOpen, parts.most);
  assert.equal(new Set(asked).size, asked.length);
  assert.ok(asked.length > 4, asked.join(", "));
});

test("a server that sends all in place of a part is asked for no more parts", async () => {
  const { asked } = await fetchSlowly(async (response) => {
    response.removeHeader("content-range");
    response.statusCode = 200;
    response.end("all");
    return true;
  });
  assert.equal(asked.length, 1);
});

test("when the connection of a part breaks, the blob is fetched in the usual way", async () => {
  const { asked } = await fetchSlowly(async (response, bytes) => {
    response.write(bytes.subarray(0, 1000), () => response.destroy());
    return true;
  });
  assert.match(asked.at(-1) ?? "", /^bytes=\d+-$/);
});
