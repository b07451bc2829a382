import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { KeyLock } from "./key-lock.ts";

describe("a key's lock", () => {
  it("has one holder at a time, in the order of asking", async () => {
    const locks = new KeyLock();
    const seen: string[] = [];
    const hold = async (name: string) => {
      using _ = await locks.acquire("key");
      seen.push(`${name} in`);
      await new Promise((resolve) => setImmediate(resolve));
      seen.push(`${name} out`);
    };
    await Promise.all([hold("a"), hold("b"), hold("c")]);
    assert.deepEqual(seen, ["a in", "a out", "b in", "b out", "c in", "c out"]);
  });

  it("does not hold up other keys", async () => {
    const locks = new KeyLock();
    using _a = await locks.acquire("a");
    using _b = await locks.acquire("b");
    assert.ok(true);
  });

  it("is passed on by one who gives up waiting", async () => {
    const locks = new KeyLock();
    const first = await locks.acquire("key");
    const impatient = locks.acquire("key", AbortSignal.abort(new Error("enough")));
    const last = locks.acquire("key");
    await assert.rejects(impatient, /enough/);
    first[Symbol.dispose]();
    (await last)[Symbol.dispose]();
  });

  it("can be taken for several keys at once, in any order", async () => {
    const locks = new KeyLock();
    const hold = async (keys: readonly string[]) => {
      using _ = await locks.acquireAll(keys);
      await new Promise((resolve) => setImmediate(resolve));
    };
    await Promise.all([hold(["a", "b"]), hold(["b", "a", "b"])]);
    using _free = await locks.acquireAll(["a", "b"]);
  });

  it("is held for none of several keys by one who gives up waiting for one of them", async () => {
    const locks = new KeyLock();
    using _b = await locks.acquire("b");
    const impatient = new AbortController();
    const both = locks.acquireAll(["a", "b"], impatient.signal);
    impatient.abort(new Error("enough"));
    await assert.rejects(both, /enough/);
    using _a = await locks.acquire("a");
  });
});
