import assert from "node:assert/strict";
import { test } from "node:test";
import { type Candidate, resolveOne } from "./resolve.ts";

function candidate(id: string, ...names: string[]): Candidate<string> {
  return { id, names, title: names[0] ?? "nameless", value: id };
}

const some = [candidate("abc1", "web"), candidate("abc2", "db", "default/db"), candidate("def3", "abc")];

test("an id, a name and a unique beginning of an id are understood", () => {
  assert.equal(resolveOne("abc1", some, "thing"), "abc1");
  assert.equal(resolveOne("default/db", some, "thing"), "abc2");
  assert.equal(resolveOne("d", some, "thing"), "def3");
});

test("a name goes before the beginnings of ids", () => {
  assert.equal(resolveOne("abc", some, "thing"), "def3");
});

test("an ambiguous beginning is refused with what it could be", () => {
  assert.throws(() => resolveOne("ab", some.slice(0, 2), "thing"), {
    code: "FailedPrecondition",
    message: /abc1 {2}web\n {2}abc2 {2}db/,
  });
});

test("an ambiguous name is refused", () => {
  assert.throws(() => resolveOne("x", [candidate("1", "x"), candidate("2", "x")], "thing"), {
    code: "FailedPrecondition",
  });
});

test("what is not there is NotFound, and so is the empty text", () => {
  assert.throws(() => resolveOne("zzz", some, "thing"), {
    code: "NotFound",
    message: 'no such thing: "zzz"',
  });
  assert.throws(() => resolveOne("", some, "thing"), { code: "NotFound" });
});

test("an image's id is found with and without its algorithm", () => {
  const images = [candidate("sha256:1234"), candidate("sha256:1299")];
  assert.equal(resolveOne("123", images, "image"), "sha256:1234");
  assert.equal(resolveOne("sha256:129", images, "image"), "sha256:1299");
  assert.equal(resolveOne("1299", images, "image"), "sha256:1299");
  for (const text of ["s", "sha256", "sha256:"])
    assert.throws(() => resolveOne(text, images.slice(1), "image"), { code: "NotFound" });
});
