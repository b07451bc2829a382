import assert from "node:assert/strict";
import { test } from "node:test";
import { ClientStream } from "./streams.ts";

const message = (typeUrl: string) => ({ typeUrl, value: Buffer.alloc(0) });

function opened() {
  const client = new AbortController();
  const incoming = (async function* () {})();
  return { client, stream: new ClientStream(incoming, client.signal), signal: new AbortController().signal };
}

test("messages are sent in order, and no sender waits for a client that disconnects", async () => {
  const { client, stream, signal } = opened();
  const outgoing = stream.messages();
  const sent = ["one", "two", "three"].map((type) => stream.send(message(type), signal));
  assert.equal((await outgoing.next()).value?.typeUrl, "one");
  client.abort();
  // As a call does whose client is gone while there was no room for more.
  await outgoing.return(undefined);
  await Promise.all(sent);
  await stream.send(message("late"), signal);
});

test("a sender that stops waiting for a slow client gets an error", async () => {
  const { stream } = opened();
  const abort = new AbortController();
  const sent = stream.send(message("one"), abort.signal);
  abort.abort(new Error("given up"));
  await assert.rejects(sent, { message: "given up" });
});
