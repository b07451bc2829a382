import assert from "node:assert/strict";
import { test } from "node:test";
import { perObject } from "./per-object.ts";

test("of the same object it is made once, of an equal one anew, and nothing is made again for undefined", () => {
  const given: object[] = [];
  const make = perObject((one: { readonly name: string }) => {
    given.push(one);
    return one.name === "" ? undefined : { made: one.name };
  });
  const [a, equal, empty] = [{ name: "a" }, { name: "a" }, { name: "" }];
  assert.equal(make(a), make(a));
  assert.notEqual(make(a), make(equal));
  assert.deepEqual([make(empty), make(empty)], [undefined, undefined]);
  assert.deepEqual(given, [a, equal, empty]);
});

test("nothing is kept of what fails", () => {
  let calls = 0;
  const make = perObject((_: object) => {
    calls++;
    throw new Error("no");
  });
  const one = {};
  assert.throws(() => make(one));
  assert.throws(() => make(one));
  assert.equal(calls, 2);
});
