import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { tempDir } from "../../testing/temp-dir.ts";
import { until } from "../../testing/until.ts";

const room = `import { cacheDirectoryOf, keepCompiledCode } from ${JSON.stringify(new URL("./index.ts", import.meta.url).href)};`;
const keep = `${room} keepCompiledCode(cacheDirectoryOf(process.env));`;

function environment(directory: string) {
  return { ...process.env, CACHE_DIRECTORY: directory };
}

/** Runs a process that keeps its compiled code in that directory, and says what is there afterwards. */
async function keptIn(directory: string): Promise<readonly string[]> {
  await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", keep], {
    env: environment(directory),
  });
  return readdir(directory);
}

/** Where a process of that user would keep its compiled code. */
async function directoryOf(uid: number, env: Readonly<Record<string, string>>): Promise<string> {
  const script = `${room} process.setuid(${uid}); console.log(cacheDirectoryOf(process.env));`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], {
    env: { PATH: process.env.PATH ?? "", ...env },
  });
  return stdout.trim();
}

describe("compiled code", () => {
  it("is kept in a directory of the program's own, which is made", async () => {
    await using parent = await tempDir();
    assert.notDeepEqual(await keptIn(join(parent.path, "cache")), []);
  });

  it("is kept by a program that is killed later", async () => {
    await using parent = await tempDir();
    const directory = join(parent.path, "cache");
    const script = `
      ${keep}
      await import(${JSON.stringify(new URL("../errors/index.ts", import.meta.url).href)});
      setInterval(() => undefined, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
      env: environment(directory),
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
    const [open, link, within] = ["open", "link", "open/within"].map((name) => join(parent.path, name));
    assert(open !== undefined && link !== undefined && within !== undefined);
    await mkdir(within, { recursive: true });
    await chmod(open, 0o777);
    await symlink(within, link);
    assert.deepEqual(await keptIn(open), ["within"]);
    assert.deepEqual(await keptIn(within), []);
    assert.deepEqual(await keptIn(link), []);
  });

  it("is each user's own, and root's is not in a home", async () => {
    assert.equal(await directoryOf(0, { HOME: "/home/u", XDG_CACHE_HOME: "/home/u/c" }), "/var/cache/berth");
    assert.equal(await directoryOf(65534, { HOME: "/home/u" }), "/home/u/.cache/berth");
    assert.equal(await directoryOf(65534, { HOME: "/home/u", XDG_CACHE_HOME: "/c" }), "/c/berth");
    assert.equal(await directoryOf(65534, {}), "undefined");
  });
});
