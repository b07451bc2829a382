import assert from "node:assert/strict";
import { test } from "node:test";
import { readProjectFile, testExists } from "./docs.ts";

test("docs/reliability.md names for each promise a test that exists", async () => {
  const text = await readProjectFile("docs/reliability.md");
  const rows = text
    .split("\n")
    .filter((line) => line.startsWith("| ") && !line.startsWith("| fault |"))
    .map((line) => line.split("|").map((cell) => cell.trim()));
  const without = await Array.fromAsync(rows, async ([, fault = "", promise = "", shownBy = ""]) => {
    const [, file = "", title = ""] = /^([\w.-]+): (.+)$/.exec(shownBy) ?? [];
    return promise !== "" && (await testExists(file, title)) ? [] : [fault];
  });
  assert.deepEqual(without.flat(), []);
});
