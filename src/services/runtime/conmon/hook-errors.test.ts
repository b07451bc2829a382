import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { ignoreMissing } from "../../../ground/fs/index.ts";
import { TaskBench } from "../testing/task-bench.ts";

test("what a hook writes that is a program of the image is kept nowhere on the host", async () => {
  await using bench = await TaskBench.open();
  const hook = { path: "/bin/sh", args: ["sh", "-c", "echo of the image >&2"] };
  const task = await bench.run("crun", "sleep 1000", (spec) => ({
    ...spec,
    hooks: { startContainer: [hook] },
  }));
  const written = await readFile(join(bench.bundleOf(task), "hooks.stderr"), "utf8").catch(ignoreMissing);
  assert.equal(written, undefined);
});
