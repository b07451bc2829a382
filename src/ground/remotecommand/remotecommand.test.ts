import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { decodeOutcome, encodeOutcome } from "./outcome.ts";
import { encodeTerminalSize, type TerminalSize, terminalSizes } from "./resize.ts";

test("version 4 carries exit codes and failures in a Status object", () => {
  const exit3 = { kind: "exited", exitCode: 3 } as const;
  assert.deepEqual(JSON.parse(encodeOutcome(exit3, 4)), {
    metadata: {},
    status: "Failure",
    message: "command terminated with non-zero exit code: exit status 3",
    reason: "NonZeroExitCode",
    details: { causes: [{ reason: "ExitCode", message: "3" }] },
  });
  assert.deepEqual(decodeOutcome(encodeOutcome(exit3, 4), 4), exit3);
  assert.deepEqual(decodeOutcome(encodeOutcome({ kind: "exited", exitCode: 0 }, 5), 5), {
    kind: "exited",
    exitCode: 0,
  });
  const failed = decodeOutcome(encodeOutcome({ kind: "failed", message: "no such file" }, 4), 4);
  assert.deepEqual(failed, { kind: "failed", message: "Internal error occurred: no such file" });
});

test("older versions send nothing for success and a message for every failure", () => {
  assert.equal(encodeOutcome({ kind: "exited", exitCode: 0 }, 3), "");
  assert.match(encodeOutcome({ kind: "exited", exitCode: 3 }, 1), /exit status 3/);
  assert.deepEqual(decodeOutcome("", 2), { kind: "exited", exitCode: 0 });
});

test("a missing or invalid status does not mean success", () => {
  assert.equal(decodeOutcome("", 4), undefined);
  for (const text of ["{", "7", '{"status":"Failure","reason":"NonZeroExitCode"}', "{}"]) {
    assert.equal(decodeOutcome(text, 4)?.kind, "failed", text);
  }
});

test("terminal sizes are read from chunks of any length", async () => {
  const sizes = [
    { width: 80, height: 24 },
    { width: 132, height: 50 },
  ];
  const text = sizes.map(encodeTerminalSize).join("");
  assert.deepEqual(await collect([...text]), sizes);
  assert.deepEqual(await collect([text]), sizes);
});

test("an invalid size ends the sizes", async () => {
  for (const bad of [
    "nonsense}",
    '{"Width":-1,"Height":1}',
    '{"Width":70000,"Height":1}',
    "[1]}",
    "x".repeat(5000),
  ]) {
    assert.deepEqual(await collect(['{"Width":1,"Height":2}', bad, '{"Width":3,"Height":4}']), [
      { width: 1, height: 2 },
    ]);
  }
});

async function collect(chunks: readonly string[]): Promise<TerminalSize[]> {
  return Array.fromAsync(terminalSizes(Readable.from(chunks, { objectMode: false })));
}
