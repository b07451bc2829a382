import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { askHidden } from "./ask.ts";

function asked(): { readonly stdin: PassThrough; readonly answer: Promise<string> } {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const { signal } = new AbortController();
  const io = { stdin, stdout, stderr, env: {} };
  return { stdin, answer: askHidden("password: ", { io, signal, exitCode: 0 }) };
}

test("a hidden line ends with the Enter key, or with the end of the input", async () => {
  const byKey = asked();
  byKey.stdin.write("hux\x7fsh\r");
  assert.equal(await byKey.answer, "hush");
  const byEnd = asked();
  byEnd.stdin.write("hush");
  byEnd.stdin.end();
  assert.equal(await byEnd.answer, "hush");
});
