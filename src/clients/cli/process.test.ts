import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { test } from "node:test";

const main = new URL("./main.ts", import.meta.url).pathname;

test("a full disk for the output is a failure, reported in one line", () => {
  const full = openSync("/dev/full", "w");
  try {
    const { status, stderr } = spawnSync(process.execPath, [main, "--help"], {
      stdio: ["ignore", full, "pipe"],
      encoding: "utf8",
    });
    assert.match(stderr, /^berth: the output cannot be written \(ENOSPC: no space left on device.*\)\n$/);
    assert.equal(status, 1);
  } finally {
    closeSync(full);
  }
});

test("Node does not interpret our arguments, wherever they are", () => {
  const program = new URL("../../../bin/berth", import.meta.url).pathname;
  const file = "/nonexistent/variables";
  const words = ["exec", "--address", "/nonexistent/berth.sock", "web", "echo", `--env-file=${file}`];
  const { status, stderr } = spawnSync(program, words, { encoding: "utf8" });
  assert.match(stderr, /^berth: socket \/nonexistent\/berth\.sock not found/);
  assert.equal(status, 125);
});
