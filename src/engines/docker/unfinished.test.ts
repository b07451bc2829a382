import assert from "node:assert/strict";
import { mkdtempDisposable, readdir, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Unfinished } from "./unfinished.ts";

test("the next daemon knows which sandboxes are unfinished, and ignores files that were not written completely", async () => {
  await using parent = await mkdtempDisposable(join(tmpdir(), "berth-test-unfinished-"));
  const directory = join(parent.path, "unfinished");
  new Unfinished(directory).add("k8s_POD_cut_default_uid_0");
  const [file = ""] = await readdir(directory);
  await truncate(join(directory, file), 5);
  const earlier = new Unfinished(directory);
  for (const name of ["k8s_POD_whole_default_uid_0", "k8s_POD_done_default_uid_0"]) earlier.add(name);
  earlier.delete("k8s_POD_done_default_uid_0");
  assert.deepEqual(new Unfinished(directory).names(), ["k8s_POD_whole_default_uid_0"]);
  assert.equal((await readdir(directory)).length, 1);
});
