import assert from "node:assert/strict";
import { test } from "node:test";
import { perItems, perObject } from "./per-object.ts";

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

test("of a list it is made once while the same is in it, in the same order, whatever the list is", () => {
  const [a, b] = [{ name: "a" }, { name: "b" }];
  const names = perItems((items: readonly { readonly name: string }[]) => items.map(({ name }) => name));
  const first = names([a, b]);
  assert.deepEqual(first, ["a", "b"]);
  assert.equal(names([a, b]), first);
  for (const other of [[b, a], [a], [a, b, a], [a, { name: "b" }], []]) {
    assert.deepEqual(
      names(other),
      other.map(({ name }) => name),
    );
    assert.deepEqual(names([a, b]), ["a", "b"]);
  }
});
