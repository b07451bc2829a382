import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";

const script = new URL("../../../scripts/cli-docs.ts", import.meta.url).pathname;

test("docs/cli.md is the help of the commands", async () => {
  await assert.doesNotReject(promisify(execFile)(process.execPath, [script, "--check"]));
});
