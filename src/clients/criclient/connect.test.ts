import assert from "node:assert/strict";
import { mkdtempDisposable } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { connectEndpoint } from "./connect.ts";
import { UnreachableError } from "./cri-client-error.ts";

const options = { signal: new AbortController().signal, timeoutMs: 60_000 };

test("what is not there is unreachable, with what the program's user can do", async () => {
  await using directory = await mkdtempDisposable("/tmp/berth-criclient-");
  const path = join(directory.path, "none.sock");
  const hints = { start: "Start it", address: "--to names another" };
  await assert.rejects(connectEndpoint(path, { ...options, hints }), (error) => {
    assert.ok(error instanceof UnreachableError);
    assert.equal(error.code, "Unavailable");
    assert.equal(error.message, `socket ${path} not found: is berthd running? Start it; --to names another`);
    return true;
  });
  await assert.rejects(connectEndpoint(path, options), {
    message: `socket ${path} not found: is berthd running?`,
  });
});

test("a directory is no socket", async () => {
  await using directory = await mkdtempDisposable("/tmp/berth-criclient-");
  await assert.rejects(connectEndpoint(directory.path, options), {
    code: "Unavailable",
    message: `${directory.path} is not a socket`,
  });
});

test("connecting ends with its signal", async () => {
  await using directory = await mkdtempDisposable("/tmp/berth-criclient-");
  const path = join(directory.path, "silent.sock");
  const server = createServer();
  await new Promise<void>((listening) => server.listen(path, listening));
  try {
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    await assert.rejects(connectEndpoint(path, { ...options, signal }), reason);
  } finally {
    server.close();
  }
});
