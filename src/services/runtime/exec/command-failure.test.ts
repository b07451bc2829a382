import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { tempDir } from "../../../testing/temp-dir.ts";
import { lastRuntimeError } from "../oci-runtime/runtime-log.ts";
import { commandFailure } from "./command-failure.ts";
import { capturedFailures } from "./testing/captured-failures.ts";

async function messageIn(log: string): Promise<string> {
  await using directory = await tempDir();
  const path = join(directory.path, "log");
  await writeFile(path, log);
  return (await lastRuntimeError(path)) ?? "";
}

describe("the exit code of a command that cannot be run", () => {
  for (const { program, what, exitCode, log } of capturedFailures) {
    const told = exitCode === undefined ? "another failure" : String(exitCode);
    test(`is told from the log of ${program}: ${what} is ${told}`, async () => {
      assert.equal(commandFailure(await messageIn(log)), exitCode);
    });
  }

  test("is told of a name of any length", async () => {
    const name = `/${"exec".repeat(100_000)}`;
    const msg = `exec failed: unable to start container process: exec: "${name}": stat ${name}: no such file or directory`;
    const message = await messageIn(`${JSON.stringify({ level: "error", msg })}\n`);
    assert.equal(commandFailure(message), 127);
    assert.ok(message.length < 4096);
    assert.equal(commandFailure(msg.repeat(20)), 127);
    assert.equal(commandFailure(name.repeat(20)), undefined);
  });

  test("is not told by a name that looks like a failure", () => {
    const message = 'chdir to cwd ("/x exec: \\"y\\": no such file or directory") set in config.json failed';
    assert.equal(commandFailure(message), undefined);
  });
});

test("a log of an OCI runtime that was cut, or is no JSON, still says something", async () => {
  assert.equal(await messageIn('{\n  "msg": "one",\n  "level": "error"\n}\n{\n  "msg": "tw'), "one");
  assert.equal(await messageIn("nsenter: failed\n"), "nsenter: failed");
  assert.equal(await messageIn('{"msg":"hook: failed\\n","level":"error"}\n'), "hook: failed");
  assert.equal(await messageIn('{"msg":"one","level":"error"}\n{"msg":"two","level":"warning"}\n'), "one");
});
