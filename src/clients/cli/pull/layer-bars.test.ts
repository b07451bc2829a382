import assert from "node:assert/strict";
import { test } from "node:test";
import { captured } from "../testing/captured-io.ts";
import { LayerBars } from "./layer-bars.ts";
import type { TransferProgress } from "./transfer-reporter.ts";

const words = { moving: "", done: "done", spared: "already here" };

function digest(index: number): string {
  return `sha256:${String(index).padStart(12, "a")}${"0".repeat(52)}`;
}

/** What stands on the screen in the end: the lines after the last time that they were drawn over. */
function screen(text: string): string[] {
  return (text.split("\x1b[J").at(-1) ?? "").split("\n").slice(0, -1);
}

function drawn(
  layers: number,
  progress: readonly [number, TransferProgress["state"], number][],
  columns = 80,
): string {
  const stream = captured({ columns });
  const bars = new LayerBars(stream, "layer");
  bars.resolved(Array.from({ length: layers }, (_, index) => ({ digest: digest(index), size: 1000n })));
  for (const [index, state, received] of progress) {
    bars.progress({
      digest: digest(index),
      state,
      word: words[state],
      movedBytes: BigInt(received),
      totalBytes: 1000n,
    });
  }
  bars[Symbol.dispose]();
  return stream.text();
}

test("a layer has a bar with its share, and a word once it is here", () => {
  const lines = screen(
    drawn(3, [
      [0, "moving", 500],
      [1, "done", 1000],
      [2, "spared", 0],
    ]),
  );
  assert.match(lines[0] ?? "", /^a{11}0 +\[={20} {20}\] +500 B of 1\.0 kB$/);
  assert.match(lines[1] ?? "", /^a{11}1 +done 1\.0 kB$/);
  assert.match(lines[2] ?? "", /^a{11}2 +already here$/);
});

test("lines never reach the last column, where a terminal would wrap them", () => {
  for (const line of screen(drawn(2, [[0, "moving", 999]], 40))) assert.ok(line.length < 40, line);
});

test("with very many layers, finished ones are left out so that the rest can be redrawn", () => {
  const text = drawn(40, [
    [0, "done", 1000],
    [1, "done", 1000],
  ]);
  const lines = screen(text);
  assert.equal(lines.length, 16);
  assert.doesNotMatch(lines[0] ?? "", /done/);
  assert.equal(lines.at(-1), "and 25 more, 2 of 40 layers are done");
});

test("the previous drawing is overwritten", () => {
  const stream = captured({ columns: 80 });
  const bars = new LayerBars(stream, "layer");
  bars.resolved([{ digest: digest(0), size: 1000n }]);
  bars[Symbol.dispose]();
  bars[Symbol.dispose]();
  assert.equal(stream.text().split("\x1b[1A").length, 2);
});
