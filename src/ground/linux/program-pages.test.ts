import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { giveBackProgram } from "./index.ts";

test("pages of the program that lie in its file are given back, what was written to stays, and all goes on", () => {
  const before = programPages();
  giveBackProgram();
  const after = programPages();
  assert.ok(after.file < before.file / 2, `${before.file} KiB before, ${after.file} after`);
  assert.equal(after.written, before.written);
  assert.ok(after.written > 0);
  // Its code and its data are found again.
  assert.equal(new Intl.NumberFormat("en").format(1234), "1,234");
});

/** Of this process's program, in KiB: what is as in the file, and what was written to. */
function programPages(): { readonly file: number; readonly written: number } {
  const sum = { file: 0, written: 0 };
  let ofProgram = false;
  let resident = 0;
  for (const line of readFileSync("/proc/self/smaps", "latin1").split("\n")) {
    if (/^[0-9a-f]+-/.test(line)) ofProgram = line.endsWith(process.execPath);
    const [, key, value] = /^(Rss|Anonymous): +(\d+) kB$/.exec(line) ?? [];
    if (!ofProgram || key === undefined) continue;
    if (key === "Rss") resident = Number(value);
    else {
      sum.written += Number(value);
      sum.file += resident - Number(value);
    }
  }
  return sum;
}
