import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdir, readdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { tempDir } from "../testing/temp-dir.ts";

const module = new URL("./compile-cache.ts", import.meta.url).href;

/** Runs a process that keeps its compiled code in that directory, and says what is there afterwards. */
async function keptIn(directory: string): Promise<readonly string[]> {
  const script = `import { keepCompiledCode } from ${JSON.stringify(module)}; keepCompiledCode(process.env);`;
  const env = { ...process.env, CACHE_DIRECTORY: directory };
  await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], { env });
  return readdir(directory);
}

describe("compiled code", () => {
  it("is kept in a directory of the daemon's own, which is made", async () => {
    await using parent = await tempDir();
    assert.notDeepEqual(await keptIn(join(parent.path, "cache")), []);
  });

  it("is not kept where others could put theirs in its place", async () => {
    await using parent = await tempDir();
    const [open, link] = [join(parent.path, "open"), join(parent.path, "link")];
    await mkdir(open);
    await chmod(open, 0o777);
    await symlink(parent.path, link);
    assert.deepEqual(await keptIn(open), []);
    assert.deepEqual((await keptIn(link)).toSorted(), ["link", "open"]);
  });
});
