import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryCollection } from "./collection.ts";

const key = (index: number) => `key-${(index * 7919) % 1000}`;

test("a list is in order whatever was put, put again and deleted since the last one", () => {
  const collection = new MemoryCollection<number>("containers");
  const expected = new Map<string, number>();
  const put = (index: number, value: number) => {
    collection.set("k8s.io", key(index), value);
    expected.set(key(index), value);
  };
  const remove = (index: number) => {
    collection.unset("k8s.io", key(index));
    expected.delete(key(index));
  };
  const check = () =>
    assert.deepEqual(
      collection.list("k8s.io"),
      [...expected].sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  check();
  for (let index = 0; index < 300; index++) put(index, index);
  check();
  for (let index = 0; index < 400; index++) {
    // Few between two lists, at times many; new ones, changed ones, and those that are not there.
    if (index % 3 === 0) put(index, -index);
    if (index % 5 === 0) remove(index);
    if (index % 7 === 0) put(index + 300, index);
    if (index % 4 === 0 && (index < 100 || index > 200)) check();
  }
  check();
  for (let index = 0; index < 1000; index++) remove(index);
  check();
  put(1, 1);
  check();
});

test("a list that was given stays as it was, and is given again until something changes", () => {
  const collection = new MemoryCollection<number>("containers");
  for (let index = 0; index < 100; index++) collection.set("k8s.io", key(index), index);
  const first = collection.list("k8s.io");
  const copy = [...first];
  assert.equal(collection.list("k8s.io"), first);
  collection.set("k8s.io", key(5), 500);
  collection.unset("k8s.io", key(6));
  assert.equal(collection.list("k8s.io").length, 99);
  assert.deepEqual(first, copy);
});
