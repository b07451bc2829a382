import assert from "node:assert/strict";
import { test } from "node:test";
import { raceAbort } from "./index.ts";

test("work that ends before its signal gives its outcome, and without a signal too", async () => {
  const { signal } = new AbortController();
  assert.equal(await raceAbort(Promise.resolve(1), signal), 1);
  assert.equal(await raceAbort(Promise.resolve(2), undefined), 2);
  await assert.rejects(raceAbort(Promise.reject(new Error("no")), signal), /^Error: no$/);
});

test("a wait ends with its signal's reason while the work goes on, whatever that comes to", async () => {
  const caller = new AbortController();
  const work = Promise.withResolvers<void>();
  const waiting = raceAbort(work.promise, caller.signal);
  caller.abort(new Error("enough"));
  await assert.rejects(waiting, /^Error: enough$/);
  await assert.rejects(raceAbort(work.promise, caller.signal), /^Error: enough$/);
  work.reject(new Error("nobody waits for this"));
  await new Promise((resolve) => setImmediate(resolve));
});
