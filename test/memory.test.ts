import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { it } from "node:test";
import type { TestBerth } from "./support/berth.ts";
import { eventually } from "./support/condition.ts";
import { withBerth } from "./support/with-berth.ts";

const host = withBerth();

it("pages of the program that only its start and the first pull's threads read are given back soon after", async () => {
  const { berth } = host;
  // Sooner than a daemon at rest does it, every twenty seconds.
  await eventually("they are given back", async () => (await programMiB(berth)) < 45, { limitMs: 10_000 });
});

/** How much of its program a process has in memory. */
async function programMiB({ pid }: TestBerth): Promise<number> {
  let ofProgram = false;
  let kib = 0;
  for (const line of (await readFile(`/proc/${pid}/smaps`, "utf8")).split("\n")) {
    if (/^[0-9a-f]+-/.test(line)) ofProgram = line.endsWith("/node");
    else if (ofProgram) kib += Number(/^Rss:\s+(\d+) kB$/.exec(line)?.[1] ?? 0);
  }
  assert.ok(kib > 0);
  return kib / 1024;
}
