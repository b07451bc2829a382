import assert from "node:assert/strict";
import { test } from "node:test";
import { fieldOfLabels, parseFilters } from "./index.ts";

type Record = { readonly name: string; readonly labels: { readonly [name: string]: string } };

const records: readonly Record[] = [
  { name: "a", labels: {} },
  { name: "b/1:x", labels: { "very complex label": "something", "a.b/c": 'say "x"' } },
  { name: "c", labels: { "a.b": "aaa", plain: "" } },
];

function chosen(...filters: string[]): string {
  const filter = parseFilters(filters);
  const matching = records.filter(({ name, labels }) =>
    filter(([first = "", ...rest]) =>
      first === "name" ? name : first === "labels" ? fieldOfLabels(labels, rest) : undefined,
    ),
  );
  return matching.map(({ name }) => name).join(" ");
}

test("a record must meet all selectors of one of the filters; no filter lets all through", () => {
  assert.equal(chosen(), "a b/1:x c");
  assert.equal(chosen(""), "a b/1:x c");
  assert.equal(chosen("name==a", 'name=="b/1:x"'), "a b/1:x");
  assert.equal(chosen("name==b/1:x,labels.a.b"), "");
  assert.equal(chosen("name==c, labels.a.b==aaa"), "c");
  assert.equal(chosen("name!=a"), "b/1:x c");
  // What is not there is empty to !=, and no other field is there.
  assert.equal(chosen('labels.plain!=""'), "");
  assert.equal(chosen("other!=x"), "a b/1:x c");
  assert.equal(chosen("other==x"), "");
});

test("a path alone asks for a field, and quotes hold any name", () => {
  assert.equal(chosen("labels.plain"), "c");
  assert.equal(chosen('labels."very complex label"'), "b/1:x");
  assert.equal(chosen('labels."very complex label"==something'), "b/1:x");
  assert.equal(chosen('labels."a.b/c"=="say \\"x\\""'), "b/1:x");
  assert.equal(chosen('name=="\\x61"'), "a");
  assert.equal(chosen('name=="\\141"'), "a");
  assert.equal(chosen('name=="\\u0061"'), "a");
});

test("regular expressions are looked for anywhere, and take a time that grows with the text alone", () => {
  assert.equal(chosen("name~=^[ab]"), "a b/1:x");
  assert.equal(chosen("name~=/^b\\/1/"), "b/1:x");
  assert.equal(chosen("name~=|x$|"), "b/1:x");
  assert.equal(chosen('name~="^c$"'), "c");
  const filter = parseFilters(["name~=^(a+)+$"]);
  assert.equal(
    filter(() => `${"a".repeat(50_000)}b`),
    false,
  );
});

test("what is no filter is refused with the place", () => {
  for (const [text, message] of [
    ["name=", /at character 5: expected "==", "!=" or "~="/],
    ["name==", /at character 7: expected a value/],
    ["==a", /at character 1: expected a field/],
    ["name==a,", /at character 9: expected a field/],
    ["name==a b", /at character 9: expected ","/],
    ['name=="a', /expected a closing "/],
    ['name=="\\q"', /escape/],
    ["name~=(", /./],
    ["labels.", /at character 8: expected a field/],
    ["\u0000", /expected a field/],
  ] as const) {
    assert.throws(
      () => parseFilters([text]),
      { name: "FilterError", code: "InvalidArgument", message },
      text,
    );
  }
});
