import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { writeToClient } from "./write-to-client.ts";

const piece = Buffer.alloc(1000);

function slowClient(): PassThrough {
  return new PassThrough({ readableHighWaterMark: 1, writableHighWaterMark: 1 });
}

function listeners(stream: PassThrough): number {
  return stream.eventNames().reduce((sum, event) => sum + stream.listenerCount(event), 0);
}

test("a client that is waited for often accumulates no listeners", async () => {
  const client = slowClient();
  const before = listeners(client);
  let waited = 0;
  for (let count = 0; count < 100; count++) {
    let isWritten = false;
    const written = writeToClient(client, piece).then(() => {
      isWritten = true;
    });
    await setImmediate();
    if (!isWritten) waited++;
    while (!isWritten) {
      client.read();
      await setImmediate();
    }
    await written;
  }
  assert.ok(waited > 50, `waited ${waited} times`);
  assert.equal(listeners(client), before);
});

test("waiting ends when the client leaves, and nothing more is sent to it", async () => {
  const client = slowClient();
  const written = [1, 2, 3].map(() => writeToClient(client, piece));
  client.destroy(new Error("it has left"));
  client.on("error", () => undefined);
  await Promise.all([...written, writeToClient(client, piece)]);
});
