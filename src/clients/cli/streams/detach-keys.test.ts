import assert from "node:assert/strict";
import { test } from "node:test";
import { DetachFilter, parseDetachKeys } from "./detach-keys.ts";

const keys = (text: string) => [...parseDetachKeys(text)];

test("keys are characters and control characters", () => {
  assert.deepEqual(keys("ctrl-p,ctrl-q"), [16, 17]);
  assert.deepEqual(keys("ctrl-A,x,ctrl-[,ctrl-\\,ctrl-_,ctrl-@"), [1, 120, 27, 28, 31, 0]);
  assert.deepEqual(keys(""), []);
});

for (const text of ["ctrl-", "ctrl-1", "xy", "a,,b", "ü", "shift-a"]) {
  test(`${JSON.stringify(text)} is refused as a usage error that quotes it`, () => {
    assert.throws(
      () => parseDetachKeys(text),
      (error: Error & { exitCode?: number }) => error.exitCode === 2 && error.message.includes(text),
    );
  });
}

/** What is sent of the input, given in pieces, and whether the keys were pressed. */
function filter(detachKeys: string, ...pieces: readonly string[]): [sent: string, detached: boolean] {
  const made = new DetachFilter(Buffer.from(detachKeys));
  let sent = "";
  for (const piece of pieces) {
    const { send, detached } = made.push(Buffer.from(piece));
    sent += send.toString();
    if (detached) return [sent, true];
  }
  return [sent, false];
}

test("the keys detach, wherever they begin and in whatever pieces they arrive", () => {
  assert.deepEqual(filter("\x10\x11", "ls\n\x10\x11more"), ["ls\n", true]);
  assert.deepEqual(filter("\x10\x11", "ls\n\x10", "\x11"), ["ls\n", true]);
  assert.deepEqual(filter("aab", "aaab"), ["a", true]);
  assert.deepEqual(filter("abac", "ab", "aba", "c"), ["ab", true]);
});

test("a partial match of the keys is held back, and sent if something else follows", () => {
  assert.deepEqual(filter("\x10\x11", "a\x10"), ["a", false]);
  assert.deepEqual(filter("\x10\x11", "a\x10", "b"), ["a\x10b", false]);
  assert.deepEqual(filter("\x10\x11", "\x10\x10\x10x"), ["\x10\x10\x10x", false]);
  assert.deepEqual(filter("aab", "aaaacaa", "c"), ["aaaacaac", false]);
});

test("without keys, everything passes through", () => {
  assert.deepEqual(filter("", "\x10\x11"), ["\x10\x11", false]);
});
