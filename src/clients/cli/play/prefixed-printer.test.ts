import assert from "node:assert/strict";
import test from "node:test";
import { capturedIo } from "../testing/captured-io.ts";
import { PrefixedPrinter } from "./prefixed-printer.ts";

test("an endless line is shown in pieces, and never buffered as a whole", async () => {
  const io = capturedIo();
  const printer = new PrefixedPrinter(io, { stdout: "pod/main ", stderr: "pod/main " });
  const content = Buffer.alloc(16 * 1024, "x");
  const piece = { timestamp: "", stream: "stdout", partial: true, content } as const;
  for (let written = 0; written < 130; written++) await printer.print([piece]);
  assert.deepEqual(
    io.stdout
      .text()
      .split("\n")
      .map((line) => line.length),
    [9 + 2 ** 20, 9 + 2 ** 20, 0],
  );
  await printer.flush();
  assert.equal(io.stdout.text().split("\n").at(-2), `pod/main ${"x".repeat(2 * content.length)}`);
});
