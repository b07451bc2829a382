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
    const both = Promise.all([calls.join("pod", "request", make), calls.join("pod", "request", make)]);
    work.resolve(7);
    assert.deepEqual([await both, made], [[7, 7], 1]);
  });

  it("that ask for something else wait until the work has ended", async () => {
    const calls = new JoinedCalls<string>();
    const work = Promise.withResolvers<string>();
    const order: string[] = [];
    const make = (outcome: Promise<string>) => async () => {
      order.push(`begin ${await outcome}`);
      return outcome;
    };
    const first = calls.join("pod", "this", make(work.promise));
    const other = calls.join("pod", "that", make(Promise.resolve("that")));
    const again = calls.join("pod", "that", () => assert.fail("made twice"));
    work.resolve("this");
    assert.deepEqual(await Promise.all([first, other, again]), ["this", "that", "that"]);
    assert.deepEqual(order, ["begin this", "begin that"]);
    await calls.settled();
  });

  it("start anew when the work has ended, also badly", async () => {
    const calls = new JoinedCalls<number>();
    await assert.rejects(calls.join("pod", "request", () => Promise.reject(new Error("no"))));
    assert.equal(await calls.join("pod", "request", async () => 8), 8);
  });

  it("that are given up leave the work to the next one", async () => {
    const calls = new JoinedCalls<number>();
    const work = Promise.withResolvers<number>();
    const impatient = new AbortController();
    const first = calls.join("pod", "request", () => work.promise, impatient.signal);
    impatient.abort(new Error("deadline"));
    await assert.rejects(first, /deadline/);
    const second = calls.join("pod", "request", () => assert.fail("made twice"));
    work.resolve(9);
    assert.equal(await second, 9);
  });
});
