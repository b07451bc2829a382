import assert from "node:assert/strict";
import { test } from "node:test";
import { Coalescer, Semaphore } from "./index.ts";

test("a semaphore has so many holders, and who waits longest is next", async () => {
  const semaphore = new Semaphore(2);
  const { signal } = new AbortController();
  const seen: string[] = [];
  const [first, second] = [await semaphore.acquire(signal), await semaphore.acquire(signal)];
  const waiting = ["c", "d"].map(async (name) => {
    using _ = await semaphore.acquire(signal);
    seen.push(name);
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(seen, []);
  first[Symbol.dispose]();
  // Gives up nothing that it does not have any more.
  first[Symbol.dispose]();
  await Promise.all(waiting);
  assert.deepEqual(seen, ["c", "d"]);
  second[Symbol.dispose]();
});

test("who gives up waiting for a semaphore leaves its place to others", async () => {
  const semaphore = new Semaphore(1);
  const caller = new AbortController();
  const { signal } = new AbortController();
  const held = await semaphore.acquire(signal);
  const given = semaphore.acquire(caller.signal);
  const next = semaphore.acquire(signal);
  caller.abort(new Error("enough"));
  await assert.rejects(given, /enough/);
  held[Symbol.dispose]();
  using _ = await next;
});

test("calls that come while work runs share its next run", async () => {
  const runs: PromiseWithResolvers<void>[] = [];
  const coalescer = new Coalescer(() => {
    const run = Promise.withResolvers<void>();
    runs.push(run);
    return run.promise;
  });
  const first = coalescer.run();
  const others = [coalescer.run(), coalescer.run()];
  assert.equal(runs.length, 1);
  runs[0]?.reject(new Error("no"));
  await assert.rejects(first, /no/);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(runs.length, 2);
  runs[1]?.resolve();
  await Promise.all(others);
});
