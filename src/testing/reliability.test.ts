import assert from "node:assert/strict";
import { test } from "node:test";
import { readProjectFile, readTests } from "./docs.ts";

test("docs/reliability.md names existing tests for each promise", async () => {
  const text = await readProjectFile("docs/reliability.md");
  const rows = text
    .split("\n")
    .filter((line) => line.startsWith("| ") && !line.startsWith("| fault |"))
    .map((line) => line.split("|").map((cell) => cell.trim()));
  const testExists = await readTests();
  const isShown = (named: string) => {
    const [, file = "", title = ""] = /^([\w.-]+): (.+)$/.exec(named) ?? [];
    return testExists(file, title);
  };
  const without = rows.filter(
    ([, , promise = "", shownBy = ""]) =>
      promise === "" || !shownBy.split(/; (?=[\w.-]+\.ts: )/).every(isShown),
  );
  assert.deepEqual(without, []);
});
