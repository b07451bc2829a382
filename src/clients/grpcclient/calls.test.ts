import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { BerthError } from "../../ground/errors/index.ts";
import type { CallContext, Handlers } from "../../ground/grpc/index.ts";
import { serveWords, type WordsService } from "../../ground/grpc/testing/words.ts";
import { until } from "../../testing/until.ts";
import { clientStream, connectTo, forEver, serverStream, unary, within } from "./testing/connect.ts";

async function serve(handlers: Handlers<typeof WordsService>) {
  const words = await serveWords(handlers);
  return { words, client: connectTo(words.path) };
}

test("a call gives its message to the server, and gets what that answers", async () => {
  await using stack = new AsyncDisposableStack();
  const { words, client } = await serve({
    unary: (word, { metadata }) => `<${word} of ${metadata.get("x-caller")}>`,
    async *serverStream(word) {
      yield* [...word];
    },
    clientStream: async (sent) => (await Array.fromAsync(sent)).join("+"),
  });
  stack.use(words);
  stack.use(client);
  assert.equal(await client.unary(unary, "a", forEver), "<a of tests>");
  assert.deepEqual(await Array.fromAsync(client.serverStream(serverStream, "abc", forEver)), ["a", "b", "c"]);
  assert.equal(await client.clientStream(clientStream, ["a", "b", "c"], forEver), "a+b+c");
  assert.equal(await client.clientStream(clientStream, [], forEver), "");
});

test("messages that are larger than a window arrive whole, in both directions and at the same time", async () => {
  await using stack = new AsyncDisposableStack();
  const { words, client } = await serve({ unary: (word) => `${word}.` });
  stack.use(words);
  stack.use(client);
  const large = ["a", "b", "c"].map((letter) => letter.repeat(3_000_001));
  const answers = await Promise.all(large.map((word) => client.unary(unary, word, forEver)));
  assert.ok(answers.every((answer, index) => answer === `${large[index]}.`));
});

test("what the server throws is the call's error, with code, message and metadata", async () => {
  await using stack = new AsyncDisposableStack();
  const { words, client } = await serve({
    unary: (word) => {
      throw new BerthError("FailedPrecondition", word, { commandStatus: 127 });
    },
    // biome-ignore lint/correctness/useYield: It fails before it yields.
    async *serverStream(word) {
      throw new BerthError("ResourceExhausted", word);
    },
  });
  stack.use(words);
  stack.use(client);
  for (const message of ["plain", "naïve 100 % “quoted”\nline 🙂", "%41"]) {
    await assert.rejects(client.unary(unary, message, forEver), (error: { metadata: object }) => {
      assert.ok(Object.values(error.metadata).includes("127"));
      const { code, message: told, origin } = error as unknown as Record<string, string>;
      assert.deepEqual(
        { code, told, origin },
        { code: "FailedPrecondition", told: message, origin: "server" },
      );
      return true;
    });
    await assert.rejects(Array.fromAsync(client.serverStream(serverStream, message, forEver)), {
      code: "ResourceExhausted",
      message,
    });
  }
  await assert.rejects(client.clientStream(clientStream, ["a"], forEver), { code: "Unimplemented" });
});

test("an error after some messages comes after these", async () => {
  await using stack = new AsyncDisposableStack();
  const { words, client } = await serve({
    async *serverStream() {
      yield "a";
      throw new BerthError("Aborted", "then");
    },
  });
  stack.use(words);
  stack.use(client);
  const answers = client.serverStream(serverStream, "a", forEver);
  assert.equal((await answers.next()).value, "a");
  await assert.rejects(answers.next(), { code: "Aborted", message: "then" });
});

/** Enters, and waits for the signal alone. */
function waiting() {
  const entered = Promise.withResolvers<CallContext>();
  const wait = async (call: CallContext): Promise<never> => {
    entered.resolve(call);
    if (!call.signal.aborted) await once(call.signal, "abort");
    throw call.signal.reason;
  };
  const handlers: Handlers<typeof WordsService> = {
    unary: (_, call) => wait(call),
    async *serverStream(_, call) {
      yield "first";
      await wait(call);
    },
    clientStream: (_, call) => wait(call),
  };
  return { entered: entered.promise, handlers };
}

const ways: Record<
  string,
  (client: ReturnType<typeof connectTo>, limits: typeof forEver) => Promise<unknown>
> = {
  unary: (client, limits) => client.unary(unary, "a", limits),
  serverStream: (client, limits) => Array.fromAsync(client.serverStream(serverStream, "a", limits)),
  clientStream: (client, limits) => client.clientStream(clientStream, ["a"], limits),
};

for (const [kind, call] of Object.entries(ways)) {
  test(`${kind}: a call ends with its time, for the server too`, async () => {
    const { entered, handlers } = waiting();
    await using stack = new AsyncDisposableStack();
    const { words, client } = await serve(handlers);
    stack.use(words);
    stack.use(client);
    await assert.rejects(call(client, within(200)), { code: "DeadlineExceeded" });
    const { signal } = await entered;
    await until(() => signal.aborted);
  });

  test(`${kind}: a call ends with its signal, whose reason it throws, for the server too`, async () => {
    const { entered, handlers } = waiting();
    await using stack = new AsyncDisposableStack();
    const { words, client } = await serve(handlers);
    stack.use(words);
    stack.use(client);
    const controller = new AbortController();
    const reason = new Error("enough");
    const refused = assert.rejects(call(client, { ...forEver, signal: controller.signal }), reason);
    const { signal } = await entered;
    controller.abort(reason);
    await refused;
    await until(() => signal.aborted);
    assert.equal(signal.reason.code, "Canceled");
    await assert.rejects(call(client, { ...forEver, signal: controller.signal }), reason);
  });

  test(`${kind}: a server that stops ends the call with Unavailable`, async () => {
    const { entered, handlers } = waiting();
    await using stack = new AsyncDisposableStack();
    const { words, client } = await serve(handlers);
    stack.use(words);
    stack.use(client);
    const refused = assert.rejects(call(client, forEver), { code: "Unavailable" });
    await entered;
    await words.server.close(0);
    await refused;
    await assert.rejects(call(client, forEver), { code: "Unavailable" });
  });
}

test("the server's time is as long as the client's", async () => {
  await using stack = new AsyncDisposableStack();
  const { words, client } = await serve({ unary: (_, { metadata }) => `${metadata.get("grpc-timeout")}` });
  stack.use(words);
  stack.use(client);
  assert.equal(await client.unary(unary, "a", within(100 * 86_400_000)), "8640000S");
});

test("who stops reading a stream cancels the call", async () => {
  const { entered, handlers } = waiting();
  await using stack = new AsyncDisposableStack();
  const { words, client } = await serve(handlers);
  stack.use(words);
  stack.use(client);
  for await (const answer of client.serverStream(serverStream, "a", forEver)) {
    assert.equal(answer, "first");
    break;
  }
  const { signal } = await entered;
  await until(() => signal.aborted);
  assert.equal(signal.reason.code, "Canceled");
});

test("a message that is too large is refused", async () => {
  await using stack = new AsyncDisposableStack();
  const words = stack.use(await serveWords({ unary: (word) => word }));
  const client = stack.use(connectTo(words.path, 1000));
  assert.equal((await client.unary(unary, "a".repeat(1000), forEver)).length, 1000);
  await assert.rejects(client.unary(unary, "a".repeat(1001), forEver), {
    code: "ResourceExhausted",
    message: "the response has a message of 1001 bytes; at most 1000 are accepted",
  });
});

test("a stream that is not read does not run ahead of its reader", async () => {
  await using stack = new AsyncDisposableStack();
  const word = "a".repeat(100_000);
  let made = 0;
  const { words, client } = await serve({
    async *serverStream() {
      for (; made < 500; made++) yield word;
    },
  });
  stack.use(words);
  stack.use(client);
  const answers = client.serverStream(serverStream, "a", forEver);
  await answers.next();
  const before = await stable(() => made);
  assert.ok(before < 100, `${before} messages were made for a reader of one`);
  assert.equal((await Array.fromAsync(answers)).length, 499);
});

test("requests are taken no faster than the server reads them, and none after its answer", async () => {
  await using stack = new AsyncDisposableStack();
  const finish = Promise.withResolvers<void>();
  const { words, client } = await serve({
    clientStream: async (sent) => {
      for await (const word of sent) {
        await finish.promise;
        return word.slice(0, 1);
      }
      return "";
    },
  });
  stack.use(words);
  stack.use(client);
  let made = 0;
  function* requests() {
    for (; made < 500; made++) yield "a".repeat(100_000);
  }
  const answer = client.clientStream(clientStream, requests(), forEver);
  const before = await stable(() => made);
  assert.ok(before < 100, `${before} messages were made for a server that reads one`);
  finish.resolve();
  assert.equal(await answer, "a");
  assert.ok(made < 500);
});

/** What a figure comes to when it has not changed for a while. */
async function stable(figure: () => number): Promise<number> {
  let last = figure();
  for (let since = 0; since < 2000; since++) {
    await setImmediate();
    if (figure() !== last) since = 0;
    last = figure();
  }
  return last;
}
