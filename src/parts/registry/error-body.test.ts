import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { quoteErrorBody } from "./error-body.ts";
import type { HttpResponse } from "./transport.ts";

function quote(body: Uint8Array | string): Promise<string> {
  return quoteErrorBody({ body: Readable.from([Buffer.from(body)]) } as unknown as HttpResponse);
}

test("a server's message is quoted if it is text, even in another encoding or truncated in a character", async () => {
  assert.equal(await quote("no such\n\tpage"), "no such page");
  assert.equal(await quote('{"errors":[{"code":"DENIED","message":"not yours"}]}'), "DENIED: not yours");
  assert.match(await quote(Buffer.from("nicht verfügbar für Gäste", "latin1")), /^nicht verf/);
  assert.match(await quote(`${"a".repeat(8191)}ä`), /^a{400}\.\.\.$/);
});

test("a binary body is not quoted", async () => {
  assert.equal(await quote(gzipSync("a layer")), "");
  assert.equal(await quote(Buffer.alloc(300)), "");
});
