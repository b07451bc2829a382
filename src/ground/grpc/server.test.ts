import assert from "node:assert/strict";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate, setTimeout } from "node:timers/promises";
import { status } from "@grpc/grpc-js";
import { tempDir } from "../../testing/temp-dir.ts";
import { until } from "../../testing/until.ts";
import { BerthError } from "../errors/index.ts";
import { createLogger } from "../logging/index.ts";
import { type CallContext, type CallObserver, GrpcServer, type Handlers } from "./index.ts";
import { kinds, serveWords, type WordsService } from "./testing/words.ts";

type WordsHandlers = Handlers<typeof WordsService>;

/**
 * Every kind of handler over one function, which is given the first word; those that take many read them all
 * first.
 */
function handlersOf(answer: (word: string, call: CallContext) => Promise<string>): WordsHandlers {
  return {
    unary: answer,
    async *serverStream(word, call) {
      yield await answer(word, call);
      yield "end";
    },
    clientStream: async (words, call) => await answer((await Array.fromAsync(words)).join(" "), call),
    async *bidi(words, call) {
      for await (const word of words) yield await answer(word, call);
    },
  };
}

const whole = {
  unary: ["<a>"],
  serverStream: ["<a>", "end"],
  clientStream: ["<a b>"],
  bidi: ["<a>", "<b>"],
} as const;

/** Enters, and waits for the signal alone. */
function waiting() {
  const entered = Promise.withResolvers<CallContext>();
  const handlers = handlersOf(async (_, call) => {
    entered.resolve(call);
    if (!call.signal.aborted) await once(call.signal, "abort");
    throw call.signal.reason;
  });
  return { entered: entered.promise, handlers };
}

for (const kind of kinds) {
  test(`${kind}: messages go to the handler, and what it answers to the client`, async () => {
    await using words = await serveWords(handlersOf(async (word) => `<${word}>`));
    assert.deepEqual(await words.call(kind, ["a", "b"]).answers, whole[kind]);
  });

  test(`${kind}: the handler knows the client's metadata, and the id that every line of the log has`, async () => {
    await using words = await serveWords(
      handlersOf(
        async (_, { metadata, requestId }) => `${metadata.get("containerd-namespace")} ${requestId}`,
      ),
    );
    const [answer = ""] = await words.call(kind, ["a"], { metadata: { "containerd-namespace": "moby" } })
      .answers;
    const [namespace, requestId] = answer.split(" ");
    assert.equal(namespace, "moby");
    assert.deepEqual(
      words.logged().map((line) => [line.msg, line.requestId]),
      [
        ["call", requestId],
        ["answered", requestId],
      ],
    );
  });

  test(`${kind}: what the handler throws is the call's status`, async () => {
    await using words = await serveWords(
      handlersOf(async (word) => {
        throw new BerthError("NotFound", `no ${word.slice(0, 1)} here`);
      }),
    );
    const { answers } = words.call(kind, ["a", "b"]);
    await assert.rejects(answers, { code: status.NOT_FOUND, details: "no a here" });
  });

  test(`${kind}: a method without a handler answers UNIMPLEMENTED with its name`, async () => {
    await using words = await serveWords({});
    const { answers } = words.call(kind, ["a"]);
    await assert.rejects(answers, {
      code: status.UNIMPLEMENTED,
      details: /^test\.Words\/\w+ is not implemented$/,
    });
  });

  test(`${kind}: the handler's signal aborts when the client goes away`, async () => {
    const { entered, handlers } = waiting();
    await using words = await serveWords(handlers);
    const call = words.call(kind, ["a"]);
    const { signal } = await entered;
    call.cancel();
    await assert.rejects(call.answers, { code: status.CANCELLED });
    await until(() => signal.aborted);
    assert.equal(signal.reason.code, "Canceled");
    await until(() => words.logged().at(-1)?.code === "CANCELLED");
  });

  test(`${kind}: the handler's signal aborts when the client's deadline passes`, async () => {
    const { entered, handlers } = waiting();
    await using words = await serveWords(handlers);
    // Without a deadline of its own the client waits for the server to keep it.
    const call = words.call(kind, ["a"], { metadata: { "grpc-timeout": "300m" } });
    await assert.rejects(call.answers, { code: status.DEADLINE_EXCEEDED });
    const { signal } = await entered;
    await until(() => signal.aborted);
    assert.equal(signal.reason.code, "DeadlineExceeded");
  });

  // Node's timers have 32 bits of milliseconds. A kubelet's StopContainer has a deadline of its grace period
  // and two minutes more.
  for (const timeout of ["2592000S", "99999999H"])
    test(`${kind}: a call with the deadline ${timeout} is not over at once`, async () => {
      await using words = await serveWords(
        handlersOf(async (word, { signal }) => {
          // A timer that the deadline has set before this one, for no time, fires before it.
          await setTimeout(5);
          return `<${word}>${signal.aborted ? " too late" : ""}`;
        }),
      );
      const call = words.call(kind, ["a", "b"], { metadata: { "grpc-timeout": timeout } });
      assert.deepEqual(await call.answers, whole[kind]);
    });

  test(`${kind}: closing waits for a call in flight`, async () => {
    const entered = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    await using words = await serveWords(
      handlersOf(async (word) => {
        entered.resolve();
        await finish.promise;
        return `<${word}>`;
      }),
    );
    using failing = new DisposableStack();
    failing.defer(finish.resolve);
    const { answers } = words.call(kind, ["a", "b"]);
    await entered.promise;
    let closed = false;
    const closing = words.server.close(60_000).then(() => {
      closed = true;
    });
    await setImmediate();
    assert.equal(closed, false);
    finish.resolve();
    assert.deepEqual(await answers, whole[kind]);
    await closing;
  });

  test(`${kind}: closing aborts a call that takes too long, and its client learns why`, async () => {
    const { entered, handlers } = waiting();
    await using words = await serveWords(handlers);
    const { answers } = words.call(kind, ["a"]);
    await entered;
    await words.server.close(0);
    await assert.rejects(answers, { code: status.UNAVAILABLE, details: "the runtime is shutting down" });
  });
}

for (const kind of ["clientStream", "bidi"] as const) {
  test(`${kind}: a handler that waits for a silent client is ended with its call`, async () => {
    const entered = Promise.withResolvers<void>();
    await using words = await serveWords(
      handlersOf(async (word) => {
        entered.resolve();
        return word;
      }),
    );
    const { answers } = words.call(kind, ["a"], { open: true });
    if (kind === "bidi") await entered.promise;
    else await until(() => words.logged().length === 1);
    await words.server.close(0);
    await assert.rejects(answers, { code: status.UNAVAILABLE });
  });

  test(`${kind}: a client that goes away amid its messages has not ended them`, async () => {
    const ends: string[] = [];
    const entered = { count: 0 };
    const readAll = async (sent: AsyncIterable<string>) => {
      entered.count++;
      ends.push(
        await Array.fromAsync(sent).then(
          () => "ended",
          (error) => error.code,
        ),
      );
      return "";
    };
    await using words = await serveWords({
      clientStream: readAll,
      async *bidi(sent) {
        yield await readAll(sent);
      },
    });
    // How it is told depends on what has been read by then.
    const clients = 40;
    for (let client = 1; client <= clients; client++) {
      const call = words.call(kind, Array(client % 4).fill("x".repeat(client * 100)), { open: true });
      await until(() => entered.count === client);
      call.cancel();
    }
    await until(() => ends.length === clients);
    assert.deepEqual(new Set(ends), new Set(["Canceled"]));
  });

  test(`${kind}: a handler may answer before the client has sent all`, async () => {
    await using words = await serveWords({
      clientStream: async (sent) => {
        for await (const word of sent) return `<${word}>`;
        return "";
      },
      async *bidi(sent) {
        for await (const word of sent) return yield `<${word}>`;
      },
    });
    assert.deepEqual(await words.call(kind, ["a"], { open: true }).answers, ["<a>"]);
  });
}

test("closing ends calls that have no end of their own at once", async () => {
  const { entered, handlers } = waiting();
  await using words = await serveWords(handlers, { endless: ["serverStream"] });
  const { answers } = words.call("serverStream", ["a"]);
  await entered;
  await words.server.close(60_000);
  await assert.rejects(answers, { code: status.UNAVAILABLE });
});

test("observers are told of the calls of every kind, with their ends", async () => {
  const told: string[] = [];
  const observer: CallObserver = {
    started: ({ service, name }) => told.push(`${service}/${name}`),
    answered: ({ name }, { durationMs, clientGone }) => told.push(`${name} ${durationMs >= 0} ${clientGone}`),
    failed: ({ name }, _, code) => told.push(`${name} ${code}`),
  };
  const { unary, ...others } = handlersOf(async (word) => word);
  await using words = await serveWords(others, { observers: [observer] });
  assert.ok(unary);
  await assert.rejects(words.call("unary", ["a"]).answers);
  for (const kind of ["serverStream", "clientStream", "bidi"] as const) await words.call(kind, ["a"]).answers;
  assert.deepEqual(told, [
    ...["test.Words/Unary", "Unary UNIMPLEMENTED"],
    ...["test.Words/ServerStream", "ServerStream true false"],
    ...["test.Words/ClientStream", "ClientStream true false"],
    ...["test.Words/Bidi", "Bidi true false"],
  ]);
});

test("a path that cannot be listened on is refused", async () => {
  await using dir = await tempDir();
  const logger = createLogger({ level: "silent", format: "json" });
  const server = new GrpcServer({ services: [], logger });
  await assert.rejects(server.listen("/proc/berth.sock"), {
    name: "GrpcError",
    code: "Unavailable",
    message: /^socket \/proc\/berth\.sock: cannot listen$/,
  });
  await assert.rejects(server.listen(join(dir.path, "x".repeat(107))), { code: "InvalidArgument" });
});

test("a client that leaves thousands of calls before their end keeps its connection, with its other calls", async () => {
  const { entered, handlers } = waiting();
  await using words = await serveWords({
    ...handlers,
    async *serverStream(word, { signal }) {
      yield word;
      if (!signal.aborted) await once(signal, "abort");
    },
    unary: async (word) => word,
  });
  const other = words.call("bidi", ["a"], { open: true });
  const { signal } = await entered;
  for (let round = 0; round < 15; round++) {
    const calls = Array.from({ length: 100 }, () => words.call("serverStream", ["a"]));
    await words.call("unary", ["a"]).answers;
    for (const call of calls) call.cancel();
    await Promise.allSettled(calls.map(({ answers }) => answers));
  }
  await words.call("unary", ["a"]).answers;
  assert.equal(signal.aborted, false);
  other.cancel();
});
