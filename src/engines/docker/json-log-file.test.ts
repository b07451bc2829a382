import assert from "node:assert/strict";
import { appendFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { tempDir } from "../../testing/temp-dir.ts";
import { JsonLogFile } from "./json-log-file.ts";

const message = (log: string, time = "2026-01-01T00:00:00.5Z") =>
  `{"log":${JSON.stringify(log)},"stream":"stdout","time":"${time}"}\n`;
const prefix = "2026-01-01T00:00:00.500000000Z stdout";

async function withFile(use: (path: string, log: JsonLogFile) => Promise<void>): Promise<void> {
  await using directory = await tempDir();
  const path = join(directory.path, "id-json.log");
  await using log = new JsonLogFile(path);
  await use(path, log);
}

async function texts(log: JsonLogFile, since = "0"): Promise<readonly string[]> {
  return (await Array.fromAsync(log.added(since))).flat().map(String);
}

test("messages are read on from where the last ones ended, as lines of CRI", async () => {
  await withFile(async (path, log) => {
    await writeFile(path, message("whole\n") + message("part"));
    assert.deepEqual(await texts(log), [`${prefix} F whole\n`, `${prefix} P part\n`]);
    const next = message("next\n");
    await appendFile(path, next.slice(0, 20));
    assert.deepEqual(await texts(log), []);
    await appendFile(path, next.slice(20));
    assert.deepEqual(await texts(log), [`${prefix} F next\n`]);
    await log.rewind();
    assert.equal((await texts(log)).length, 3);
  });
});

test("a message that was cut short does not keep the next ones", async () => {
  await withFile(async (path, log) => {
    const cut = message('has "quotes" {"log":\n').slice(0, -20);
    await writeFile(path, `${message("one\n")}${cut}${message("two\n")}\0\0${message("three\n")}cut\n`);
    assert.deepEqual(
      await texts(log),
      ["one", "two", "three"].map((text) => `${prefix} F ${text}\n`),
    );
  });
});

test("both files are read, and a rotation loses nothing", async () => {
  await withFile(async (path, log) => {
    await writeFile(`${path}.1`, message("old\n"));
    await writeFile(path, message("one\n"));
    assert.deepEqual(await texts(log), [`${prefix} F old\n`, `${prefix} F one\n`]);
    await appendFile(path, message("two\n"));
    await rename(path, `${path}.1`);
    assert.deepEqual(await texts(log), [`${prefix} F two\n`]);
    await writeFile(path, message("three\n"));
    assert.deepEqual(await texts(log), [`${prefix} F three\n`]);
  });
});

test("two rotations since the last look lose nothing", async () => {
  await withFile(async (path, log) => {
    await writeFile(path, message("one\n"));
    assert.deepEqual(await texts(log), [`${prefix} F one\n`]);
    for (const text of ["two\n", "three\n"]) {
      await rename(path, `${path}.1`);
      await writeFile(path, message(text));
    }
    assert.deepEqual(await texts(log), [`${prefix} F two\n`, `${prefix} F three\n`]);
    await appendFile(path, message("four\n"));
    assert.deepEqual(await texts(log), [`${prefix} F four\n`]);
  });
});

test("what follows megabytes of zeros, as a crash of the machine leaves them, is given", async () => {
  await withFile(async (path, log) => {
    await writeFile(path, message("one\n"));
    for (let count = 0; count < 8; count++) await appendFile(path, Buffer.alloc(1024 * 1024));
    await appendFile(path, message("two\n") + message("three\n"));
    assert.deepEqual(
      await texts(log),
      ["one", "two", "three"].map((text) => `${prefix} F ${text}\n`),
    );
  });
});

test("of a long log, only what is not too old is given", async () => {
  await withFile(async (path, log) => {
    const time = (index: number) => new Date(Date.parse("2026-01-01T00:00:00Z") + index).toISOString();
    const all = Array.from({ length: 20_000 }, (_, index) => message(`${index}\n`, time(index)));
    await writeFile(`${path}.1`, all.slice(0, 10_000).join(""));
    await writeFile(path, all.slice(10_000).join(""));
    for (const first of [0, 1, 9_999, 10_000, 12_345, 19_999]) {
      await log.rewind();
      const since = `${Date.parse(time(first)).toString().slice(0, -3)}.${time(first).slice(20, 23)}000000`;
      const lines = await texts(log, since);
      assert.equal(lines.length, 20_000 - first);
      assert.match(lines[0] ?? "", new RegExp(` F ${first}\\n$`));
    }
  });
});
