import assert from "node:assert/strict";
import { test } from "node:test";
import { startsAnew, wishOf } from "./wish.ts";

const label = (fields: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [`containerd.io/restart.${name}`, value]));
const decided = (fields: Readonly<Record<string, string>>, exitCode: number | undefined) => {
  const wish = wishOf(label({ status: "running", ...fields }));
  return wish !== undefined && startsAnew(wish, exitCode);
};

test("a container without the label of a status, or with another one, is left alone", () => {
  for (const labels of [{}, { policy: "always" }, { status: "paused" }, { status: "" }])
    assert.equal(wishOf(label(labels)), undefined);
});

test("a wish is read from its labels", () => {
  const labels = { status: "running", policy: "on-failure:3", count: "2", loguri: "file:///log" };
  assert.deepEqual(wishOf(label({ ...labels, "explicitly-stopped": "true" })), {
    status: "running",
    policy: { name: "on-failure", maximumRetries: 3 },
    explicitlyStopped: true,
    count: 2,
    logUri: "file:///log",
  });
});

test("each policy says which ends are followed by a new start", () => {
  const ends = [0, 1, undefined];
  const table: readonly (readonly [policy: string, ...decisions: boolean[]])[] = [
    ["", true, true, true],
    ["always", true, true, true],
    ["unless-stopped", true, true, true],
    ["on-failure", false, true, false],
    ["no", false, false, false],
    ["sometimes", false, false, false],
    ["always:3", false, false, false],
    ["on-failure:many", false, false, false],
    ["on-failure:1:2", false, false, false],
  ];
  for (const [policy, ...decisions] of table)
    assert.deepEqual(
      ends.map((code) => decided({ policy }, code)),
      decisions,
      policy,
    );
});

test("on-failure gives up after as many tries as it names", () => {
  const tries = ["", "0", "1", "2", "3", "some"].map((count) =>
    decided({ policy: "on-failure:2", count }, 1),
  );
  assert.deepEqual(tries, [true, true, true, false, false, true]);
});

test("what was stopped explicitly stays so", () => {
  for (const policy of ["always", "unless-stopped", "on-failure"])
    assert.equal(decided({ policy, "explicitly-stopped": "true" }, 1), false);
});
