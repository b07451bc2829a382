import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { JoinedCalls } from "./joined-calls.ts";

describe("calls for one name", () => {
  it("share the work that is under way", async () => {
    const calls = new JoinedCalls<number>();
    const work = Promise.withResolvers<number>();
    let made = 0;
    const make = () => {
      made++;
      return work.promise;
    };
    const both = Promise.all([calls.join("pod", make), calls.join("pod", make)]);
    work.resolve(7);
    assert.deepEqual([await both, made], [[7, 7], 1]);
  });

  it("start anew when the work has ended, also badly", async () => {
    const calls = new JoinedCalls<number>();
    await assert.rejects(calls.join("pod", () => Promise.reject(new Error("no"))));
    assert.equal(await calls.join("pod", async () => 8), 8);
  });

  it("that are given up leave the work to the next one", async () => {
    const calls = new JoinedCalls<number>();
    const work = Promise.withResolvers<number>();
    const impatient = new AbortController();
    const first = calls.join("pod", () => work.promise, impatient.signal);
    impatient.abort(new Error("deadline"));
    await assert.rejects(first, /deadline/);
    const second = calls.join("pod", () => assert.fail("made twice"));
    work.resolve(9);
    assert.equal(await second, 9);
  });
});
