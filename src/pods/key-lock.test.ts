import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { KeyLock } from "./key-lock.ts";

describe("a key's lock", () => {
  it("has one holder at a time, in the order of asking", async () => {
    const locks = new KeyLock();
    const seen: string[] = [];
    const hold = async (name: string) => {
      await using _ = await locks.acquire("key");
      seen.push(`${name} in`);
      await new Promise((resolve) => setImmediate(resolve));
      seen.push(`${name} out`);
    };
    await Promise.all([hold("a"), hold("b"), hold("c")]);
    assert.deepEqual(seen, ["a in", "a out", "b in", "b out", "c in", "c out"]);
  });

  it("does not hold up other keys", async () => {
    const locks = new KeyLock();
    await using _a = await locks.acquire("a");
    await using _b = await locks.acquire("b");
    assert.ok(true);
  });
});
