import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readPosition } from "./log-position.ts";

async function withLog(use: (path: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "berth-log-"));
  try {
    await use(join(directory, "0.log"));
  } finally {
    await rm(directory, { recursive: true });
  }
}

const line = (second: number, text: string) =>
  `2026-01-01T00:00:${String(second).padStart(2, "0")}.500000000Z stdout F ${text}`;
const secondsOf = (second: number) => `${Date.parse("2026-01-01T00:00:00Z") / 1000 + second}.500000000`;

test("a missing log has no position", async () => {
  await withLog(async (path) => assert.equal(await readPosition(path), undefined));
});

test("an empty log is written from the beginning", async () => {
  await withLog(async (path) => {
    await writeFile(path, "");
    assert.deepEqual(await readPosition(path), { sinceSeconds: "0", written: new Map() });
  });
});

test("a log continues two seconds before its last line, and knows the lines from then on", async () => {
  await withLog(async (path) => {
    const lines = [1, 10, 11, 12].map((second) => line(second, `of ${second}`));
    await writeFile(path, `${lines.join("\n")}\n`);
    const position = await readPosition(path);
    assert.equal(position?.sinceSeconds, secondsOf(10));
    assert.deepEqual([...(position?.written.keys() ?? [])], lines.slice(1));
  });
});

test("a partial line that a crash left is removed", async () => {
  await withLog(async (path) => {
    await writeFile(path, `${line(1, "whole")}\n${line(2, "cut")}`);
    const position = await readPosition(path);
    assert.equal(await readFile(path, "utf8"), `${line(1, "whole")}\n`);
    assert.deepEqual([...(position?.written.keys() ?? [])], [line(1, "whole")]);
  });
});

test("a log that was just rotated continues from the newest rotated file that is not compressed", async () => {
  await withLog(async (path) => {
    await writeFile(path, "");
    await writeFile(`${path}.20260101-000000.gz`, "compressed");
    await writeFile(`${path}.20260101-000100`, `${line(5, "rotated")}\n`);
    assert.deepEqual([...((await readPosition(path))?.written.keys() ?? [])], [line(5, "rotated")]);
  });
});

test("rotated logs, and files that a kubelet is compressing, are left as they are", async () => {
  await withLog(async (path) => {
    const rotated = `${line(5, "rotated")}\n${line(6, "cut")}`;
    const files = [
      [`${path}.20260101-000000`, rotated],
      [`${path}.20260101-000000.tmp`, `gzip\nof ${line(7, "rotated")}`],
    ] as const;
    for (const [file, text] of files) await writeFile(file, text);
    assert.deepEqual([...((await readPosition(path))?.written.keys() ?? [])], [line(5, "rotated")]);
    for (const [file, text] of files) assert.equal(await readFile(file, "utf8"), text);
  });
});

test("lines of rotated logs are known if they are within two seconds of the last one", async () => {
  await withLog(async (path) => {
    await writeFile(`${path}.20260101-000000`, `${line(7, "too old")}\n`);
    await writeFile(`${path}.20260101-000100`, `${line(8, "old")}\n${line(9, "first")}\n`);
    await writeFile(`${path}.20260101-000200`, `${line(10, "second")}\n`);
    await writeFile(path, `${line(11, "third")}\n`);
    const position = await readPosition(path);
    assert.equal(position?.sinceSeconds, secondsOf(9));
    assert.deepEqual(
      [...(position?.written.keys() ?? [])],
      [line(9, "first"), line(10, "second"), line(11, "third")],
    );
  });
});

test("equal lines are counted", async () => {
  await withLog(async (path) => {
    await writeFile(path, `${line(1, "twice")}\n${line(1, "twice")}\n`);
    assert.equal((await readPosition(path))?.written.get(line(1, "twice")), 2);
  });
});
