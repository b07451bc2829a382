import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { SingleFlight } from "./single-flight.ts";

/** A call that ends when it is told to, and cleans up before it ends when it is aborted. */
function controlledCall() {
  const outcome = Promise.withResolvers<string>();
  const cleanup = Promise.withResolvers<void>();
  const log: string[] = [];
  const start = async (signal: AbortSignal): Promise<string> => {
    log.push("started");
    const aborted = new Promise<never>((_, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason)),
    );
    try {
      return await Promise.race([outcome.promise, aborted]);
    } catch (error) {
      await cleanup.promise;
      log.push("cleaned up");
      throw error;
    }
  };
  return { outcome, cleanup, log, start };
}

describe("a single flight", () => {
  test("makes one call for all who ask at the same time, and another afterwards", async () => {
    const calls = new SingleFlight<string, string>();
    const { outcome, log, start } = controlledCall();
    const both = Promise.all([calls.join("a", undefined, start), calls.join("a", undefined, start)]);
    outcome.resolve("result");
    assert.deepEqual(await both, ["result", "result"]);
    assert.deepEqual(log, ["started"]);
    await turn();
    await calls.join("a", undefined, start);
    assert.deepEqual(log, ["started", "started"]);
  });

  test("fails for all when the call fails, and for those who leave with their own reason", async () => {
    const calls = new SingleFlight<string, string>();
    const { outcome, cleanup, start } = controlledCall();
    cleanup.resolve();
    const leaver = new AbortController();
    const left = calls.join("a", leaver.signal, start);
    const stayed = calls.join("a", undefined, start);
    leaver.abort(new Error("I leave"));
    await assert.rejects(left, /I leave/);
    outcome.reject(new Error("it failed"));
    await assert.rejects(stayed, /it failed/);
  });

  test("keeps the last to leave until the call has cleaned up, and starts the next call only then", async () => {
    const calls = new SingleFlight<string, string>();
    const { outcome, cleanup, log, start } = controlledCall();
    const leaver = new AbortController();
    let ended = false;
    const left = calls.join("a", leaver.signal, start).finally(() => {
      ended = true;
    });
    left.catch(() => undefined);
    leaver.abort(new Error("I leave"));
    const next = calls.join("a", undefined, start);
    await turn();
    assert.equal(ended, false);
    assert.deepEqual(log, ["started"]);
    cleanup.resolve();
    await assert.rejects(left, /I leave/);
    outcome.resolve("second");
    assert.equal(await next, "second");
    assert.deepEqual(log, ["started", "cleaned up", "started"]);
  });
});
