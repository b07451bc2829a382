import assert from "node:assert/strict";
import { test } from "node:test";
import { passedOfContainer, passedOfPod } from "./passed-annotations.ts";
import { pathMatches } from "./path-matches.ts";

const rules = {
  podAnnotations: ["dev.gvisor.*", "exact"],
  containerAnnotations: ["example.org/*"],
  allowedAnnotations: ["io.kata-containers"],
};

test("annotations are passed on by the handler's patterns for each kind, and by prefixes", () => {
  const annotations = {
    "dev.gvisor.spec.mount": "1",
    exact: "2",
    exactly: "3",
    "example.org/a": "4",
    "io.kata-containers.config": "5",
  };
  assert.deepEqual(passedOfPod(annotations, rules), {
    "dev.gvisor.spec.mount": "1",
    exact: "2",
    "io.kata-containers.config": "5",
  });
  assert.deepEqual(passedOfContainer(annotations, rules), {
    "example.org/a": "4",
    "io.kata-containers.config": "5",
  });
});

test("a pattern's star matches any characters except a slash, and as many as the rest allows", () => {
  const matching = [
    ["*", "abc"],
    ["*", ""],
    ["a*", "abc"],
    ["*c", "abcc"],
    ["a*b*c", "axbybzc"],
    ["example.org/*", "example.org/x.y"],
    ["*/x", "example.org/x"],
    ["a?c", "abc"],
    ["a\\*", "a*"],
  ] as const;
  const other = [
    ["*", "a/b"],
    ["a*", "ba"],
    ["*c", "abcd"],
    ["a?c", "a/c"],
    ["a\\*", "ab"],
    ["", "a"],
    ["a", ""],
    ["a*/", "a"],
  ] as const;
  for (const [pattern, name] of matching) assert.ok(pathMatches(pattern, name), `${pattern} ${name}`);
  for (const [pattern, name] of other) assert.ok(!pathMatches(pattern, name), `${pattern} ${name}`);
});
