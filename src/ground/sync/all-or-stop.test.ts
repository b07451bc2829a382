import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it } from "node:test";
import { allOrStop } from "./all-or-stop.ts";

describe("all or stop", () => {
  const never = new AbortController().signal;

  it("does the work for every item at the same time", async () => {
    const started: string[] = [];
    const all = Promise.withResolvers<void>();
    await allOrStop(["a", "b", "c"], never, async (item, _signal, index) => {
      started[index] = item;
      if (started.length === 3) all.resolve();
      await all.promise;
    });
    assert.deepEqual(started, ["a", "b", "c"]);
  });

  it("stops the others when one fails, waits for them, and throws what failed", async () => {
    let cleanedUp = false;
    const failing = allOrStop(["bad", "good"], never, async (item, signal) => {
      if (item === "bad") throw new Error("broken");
      if (!signal.aborted) await once(signal, "abort");
      await new Promise((resolve) => setImmediate(resolve));
      cleanedUp = true;
      throw new Error("stopped");
    });
    await assert.rejects(failing, /broken/);
    assert.ok(cleanedUp);
  });

  it("does not stop the others with the error of the one that failed", async () => {
    const broken = new Error("broken");
    let reason: unknown;
    const failing = allOrStop(["bad", "good"], never, async (item, signal) => {
      if (item === "bad") throw broken;
      if (!signal.aborted) await once(signal, "abort");
      reason = signal.reason;
    });
    await assert.rejects(failing, broken);
    assert.notEqual(reason, broken);
  });

  it("throws the caller's reason once the caller gives up", async () => {
    const caller = new AbortController();
    const failing = allOrStop([1, 2], caller.signal, async (_item, signal) => {
      if (!signal.aborted) await once(signal, "abort");
      throw new Error("stopped");
    });
    caller.abort(new Error("given up"));
    await assert.rejects(failing, /given up/);
  });
});
