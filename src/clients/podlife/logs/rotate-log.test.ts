import assert from "node:assert/strict";
import { readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { tempDir } from "../../../testing/temp-dir.ts";
import { rotateLog } from "./rotate-log.ts";

const limits = { maxBytes: 10, maxFiles: 3 };
const at = (second: number) => new Date(Date.UTC(2026, 10, 30, 6, 31, second));

describe("a container's log", () => {
  it("that is too long is renamed with the time, earlier ones are compressed, and the oldest are removed", async () => {
    await using directory = await tempDir();
    const path = join(directory.path, "0.log");
    const reopen = async () => await writeFile(path, "");
    await writeFile(path, "short");
    await rotateLog(path, limits, at(0), reopen);
    assert.deepEqual(await readdir(directory.path), ["0.log"]);
    for (const second of [1, 2, 3]) {
      await writeFile(path, `long enough ${second}`);
      await rotateLog(path, limits, at(second), reopen);
    }
    const [log, compressed = "", last = "", ...others] = (await readdir(directory.path)).toSorted();
    assert.deepEqual(
      [log, compressed, last, others],
      ["0.log", "0.log.20261130-063102.gz", "0.log.20261130-063103", []],
    );
    const read = async (name: string) => await readFile(join(directory.path, name));
    assert.equal(gunzipSync(await read(compressed)).toString(), "long enough 2");
    assert.equal((await read(last)).toString(), "long enough 3");
  });

  it("stays in place if the runtime does not open a new one, and an interrupted rotation is repeated", async () => {
    await using directory = await tempDir();
    const path = join(directory.path, "0.log");
    await writeFile(path, "long enough");
    await writeFile(`${path}.20261130-063100`, "earlier");
    await writeFile(`${path}.20261130-063100.tmp`, "half");
    await assert.rejects(
      rotateLog(path, limits, at(1), async () => {
        throw new Error("cut");
      }),
    );
    assert.deepEqual((await readdir(directory.path)).toSorted(), ["0.log", "0.log.20261130-063100.gz"]);
    assert.equal(await readFile(path, "utf8"), "long enough");
  });

  it("that is missing, because a rotation was interrupted before the runtime opened a new one, is created", async () => {
    await using directory = await tempDir();
    const path = join(directory.path, "0.log");
    await rotateLog(path, limits, at(1), () => writeFile(path, ""));
    assert.deepEqual(await readdir(directory.path), ["0.log"]);
  });

  it("that is a link is not changed", async () => {
    await using directory = await tempDir();
    const path = join(directory.path, "0.log");
    await writeFile(join(directory.path, "other"), "long enough");
    await symlink(join(directory.path, "other"), path);
    await rotateLog(path, limits, at(1), () => assert.fail("reopened"));
    assert.deepEqual((await readdir(directory.path)).toSorted(), ["0.log", "other"]);
  });
});
