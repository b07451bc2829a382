import assert from "node:assert/strict";
import { test } from "node:test";
import { readProjectFile, testExists } from "./docs.ts";

test("docs/reliability.md names existing tests for each promise", async () => {
  const text = await readProjectFile("docs/reliability.md");
  const rows = text
    .split("\n")
    .filter((line) => line.startsWith("| ") && !line.startsWith("| fault |"))
    .map((line) => line.split("|").map((cell) => cell.trim()));
  const without = await Array.fromAsync(rows, async ([, fault = "", promise = "", shownBy = ""]) => {
    const found = shownBy.split(/; (?=[\w.-]+\.ts: )/).map((named) => {
      const [, file = "", title = ""] = /^([\w.-]+): (.+)$/.exec(named) ?? [];
      return testExists(file, title);
    });
    return promise !== "" && (await Promise.all(found)).every(Boolean) ? [] : [fault];
  });
  assert.deepEqual(without.flat(), []);
});
