import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { tempDir } from "../testing/temp-dir.ts";
import { until } from "../testing/until.ts";

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

  it("is kept by a daemon that is killed later", async () => {
    await using parent = await tempDir();
    const directory = join(parent.path, "cache");
    const script = `
      import { keepCompiledCode } from ${JSON.stringify(module)};
      keepCompiledCode(process.env);
      await import(${JSON.stringify(new URL("./version.ts", import.meta.url).href)});
      setInterval(() => undefined, 1000);`;
    const env = { ...process.env, CACHE_DIRECTORY: directory };
    const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
      env,
      stdio: "ignore",
    });
    const exited = once(child, "exit");
    // The directory is made at once, files in it when code is written.
    await until(async () => (await readdir(directory, { recursive: true }).catch(() => [])).length > 1);
    child.kill("SIGKILL");
    await exited;
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
