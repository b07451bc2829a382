import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSelector } from "./label-selector.ts";

const labelled = (labels: Readonly<Record<string, string>>) => ({
  kind: "Pod",
  namespace: "default",
  name: "web",
  deleting: false,
  createdAtNs: 0n,
  object: { metadata: { labels } },
});

test("a selector selects objects by their labels, as in kubectl", () => {
  const web = labelled({ app: "web", "example.com/tier": "front", empty: "" });
  const takes = (selector: string) => parseSelector(selector)(web);
  for (const selector of [
    "app=web",
    "app == web",
    "app!=db",
    "zone!=a",
    "app in (db, web)",
    "app notin (db),example.com/tier=front",
    "app,!zone",
    "empty=",
  ])
    assert.ok(takes(selector), selector);
  for (const selector of [
    "app=db",
    "app!=web",
    "zone",
    "!app",
    "app in (db,cache)",
    "app=web,zone=a",
    "app notin (web)",
  ])
    assert.ok(!takes(selector), selector);
  for (const selector of ["", "app=web,", "app in web", "a b", "app>1"])
    assert.throws(() => parseSelector(selector), /is not a selector/, selector);
});
