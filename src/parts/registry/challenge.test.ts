import assert from "node:assert/strict";
import { test } from "node:test";
import { parseChallenges } from "./challenge.ts";

test("a Bearer challenge is parsed with its quoted parameters", () => {
  const header =
    'Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push"';
  assert.deepEqual(parseChallenges(header), [
    {
      scheme: "bearer",
      parameters: {
        realm: "https://auth.example/token",
        service: "registry.example",
        scope: "repository:a/b:pull,push",
      },
    },
  ]);
});

test("several challenges are parsed from one value or from several", () => {
  const both = [
    { scheme: "bearer", parameters: { realm: "x" } },
    { scheme: "basic", parameters: { realm: "y", charset: "UTF-8" } },
  ];
  assert.deepEqual(parseChallenges('Bearer realm=x, BASIC Realm="y", charset=UTF-8'), both);
  assert.deepEqual(parseChallenges(["Bearer realm=x", 'Basic realm="y" , charset="UTF-8"']), both);
});

test("escapes are decoded, and unreadable text is skipped", () => {
  assert.deepEqual(parseChallenges('Basic realm="a \\"b\\" \\\\c"')[0]?.parameters.realm, 'a "b" \\c');
  assert.deepEqual(
    parseChallenges("Negotiate, Basic realm=x").map(({ scheme }) => scheme),
    ["negotiate", "basic"],
  );
  assert.deepEqual(parseChallenges('"""===,,,'), []);
  assert.deepEqual(parseChallenges(undefined), []);
});

test("a long unreadable header is skipped in linear time", () => {
  // Trying again at each place of it takes minutes, and the test's process with it.
  assert.deepEqual(parseChallenges(`${"a".repeat(1024 * 1024)}" Basic realm=x`).at(-1)?.scheme, "basic");
});
