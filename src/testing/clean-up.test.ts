import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { tempDir } from "./temp-dir.ts";

test("a cleanup that fails does its other steps, fails the test's file, and does not hide the test's own error", async () => {
  await using directory = await tempDir();
  const head = `
    import { test } from "node:test";
    import { cleanUp } from ${JSON.stringify(new URL("clean-up.ts", import.meta.url))};
    const fail = (what: string) => () => { throw new Error(what); };
    const made = { [Symbol.asyncDispose]: () => cleanUp("it", fail("first step"), fail("second step")) };`;
  const run = async (body: string) => {
    const file = join(directory.path, "broken.test.ts");
    await writeFile(file, `${head}\ntest("title", async () => { await using _ = made; ${body} });`);
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    return spawnSync(process.execPath, ["--test", file], { env, encoding: "utf8" });
  };
  for (const body of ["", 'fail("its own error")();']) {
    const { stdout, status } = await run(body);
    for (const said of [
      /cleaning up it failed: Error: first step/,
      /cleaning up it failed: Error: second step/,
    ])
      assert.match(stdout, said);
    assert.match(stdout, body === "" ? /✔ title/ : /✖ title.* Error: its own error/s);
    assert.equal(status, 1);
  }
});
