import assert from "node:assert/strict";
import { test } from "node:test";
import { capturedIo } from "../testing/captured-io.ts";
import type { LogLine } from "./log-line.ts";
import { LogPrinter, type LogPrinterOptions } from "./log-printer.ts";
import { parseSince } from "./since.ts";

function line(second: number, text: string, partial = false): LogLine {
  return { timestamp: `1970-01-01T00:00:0${second}Z`, stream: "stdout", partial, content: Buffer.from(text) };
}

async function printed(lines: readonly LogLine[], options: LogPrinterOptions): Promise<string> {
  const io = capturedIo();
  await new LogPrinter(io, options).print(lines);
  return io.stdout.text();
}

test("a timestamp precedes each line once, not each of its parts", async () => {
  const lines = [line(1, "a ", true), line(2, "line"), line(3, "next")];
  assert.equal(
    await printed(lines, { timestamps: true }),
    "1970-01-01T00:00:01Z a line\n1970-01-01T00:00:03Z next\n",
  );
});

test("lines before the given time are left out", async () => {
  assert.equal(await printed([line(1, "old"), line(2, "new")], { sinceNs: 2_000_000_000n }), "new\n");
});

test("since accepts a time or a duration before now", () => {
  assert.equal(parseSince("1970-01-01T00:00:05Z", 0), 5_000_000_000n);
  assert.equal(parseSince("1m30s", 100_000), 10_000_000_000n);
  assert.throws(() => parseSince("lately", 0), { exitCode: 2, message: /"lately".*10m/ });
});
