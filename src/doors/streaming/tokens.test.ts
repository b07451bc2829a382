import assert from "node:assert/strict";
import { test } from "node:test";
import { hasCode } from "../../ground/errors/index.ts";
import { Tokens } from "./tokens.ts";

test("a token is 22 characters of base64url and gives its request once", () => {
  const tokens = new Tokens<string>({ maxInFlight: 10, ttlMs: 60_000 });
  const token = tokens.add("request");
  assert.match(token, /^[A-Za-z0-9_-]{22}$/);
  assert.equal(tokens.take(token), "request");
  assert.equal(tokens.take(token), undefined);
});

test("an expired token gives nothing and makes room", () => {
  const tokens = new Tokens<string>({ maxInFlight: 1, ttlMs: 0 });
  const token = tokens.add("request");
  assert.equal(tokens.take(token), undefined);
  tokens.add("another");
  tokens.add("and another");
});

test("more requests than may wait are refused with ResourceExhausted, until one is taken", () => {
  const tokens = new Tokens<number>({ maxInFlight: 1_000, ttlMs: 60_000 });
  const issued = Array.from({ length: 1_000 }, (_, n) => tokens.add(n));
  assert.equal(new Set(issued).size, 1_000);
  assert.throws(
    () => tokens.add(0),
    (error) => hasCode(error, "ResourceExhausted"),
  );
  tokens.take(issued[500] ?? "");
  tokens.add(0);
});
