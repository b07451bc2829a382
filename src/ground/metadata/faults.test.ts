import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { smallDisk } from "../../testing/small-disk.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { until } from "../../testing/until.ts";
import { createLogger } from "../logging/index.ts";
import { type Durability, openDatabase } from "./index.ts";

const ns = "k8s.io";

/**
 * A process that opens the database and commits numbered records, five at a time, printing each number once
 * it is acknowledged.
 */
function startCommitter(path: string, durability: Durability = "atOnce"): ChildProcess {
  const script = `
    import { openDatabase } from ${JSON.stringify(new URL("./index.ts", import.meta.url).href)};
    const database = await openDatabase({ path: ${JSON.stringify(path)} });
    const images = await database.collection("images");
    let next = images.list("${ns}").length;
    async function commitForEver() {
      for (;;) {
        const key = String(next++);
        await database.commit([images.put("${ns}", key, { key, filler: "x".repeat(2000) })], undefined, "${durability}");
        process.stdout.write(key + "\\n");
      }
    }
    console.log("ready");
    await Promise.all(Array.from({ length: 5 }, commitForEver));`;
  return spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "ignore"],
  });
}

/**
 * Lines until `enough` of them were seen; then the process is killed, and the rest of what it had printed is
 * read.
 */
async function linesUntilKilled(child: ChildProcess, enough: number): Promise<readonly string[]> {
  assert.ok(child.stdout);
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (lines.length === enough) child.kill("SIGKILL");
  }
  return lines;
}

for (const durability of ["atOnce", "withNext"] as const) {
  test(`every commit (${durability}) that was acknowledged is there after the process was killed in the middle of others`, async () => {
    await using directory = await tempDir();
    const path = join(directory.path, "metadata.db");
    const acknowledged = new Set<string>();
    for (const enough of [2, 40, 150]) {
      const [, ...keys] = await linesUntilKilled(startCommitter(path, durability), enough);
      for (const key of keys) acknowledged.add(key);
      await using database = await openDatabase({ path });
      const images = await database.collection("images");
      const missing = [...acknowledged].filter((key) => images.get(ns, key) === undefined);
      assert.deepEqual(missing, []);
    }
    assert.ok(acknowledged.size > 150);
  });
}

test("a second process on the same database is refused while the first lives", async () => {
  await using directory = await tempDir();
  const path = join(directory.path, "metadata.db");
  const child = startCommitter(path);
  try {
    assert.ok(child.stdout);
    await once(child.stdout, "readable");
    await assert.rejects(openDatabase({ path }), {
      name: "MetadataError",
      code: "FailedPrecondition",
      message: /in use by another process/,
    });
  } finally {
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
  }
  await using database = await openDatabase({ path });
  assert.ok(database);
});

test("the same process cannot open a database twice, and trying does not lose the first one's lock", async () => {
  await using directory = await tempDir();
  const path = join(directory.path, "metadata.db");
  await using database = await openDatabase({ path });
  await assert.rejects(openDatabase({ path }), { code: "FailedPrecondition" });
  const images = await database.collection("images");
  await database.commit([images.put(ns, "a", {})]);
  const [code] = await once(
    startCommitter(path).once("spawn", () => {}),
    "exit",
  );
  assert.equal(code, 1);
});

test("with a full disk commits fail and change nothing, and once there is space they work again", async () => {
  await using disk = await smallDisk(2 << 20);
  const path = join(disk.path, "metadata.db");
  {
    await using database = await openDatabase({ path });
    const images = await database.collection("images");
    await database.commit([images.put(ns, "before", { n: 1 })]);
    await disk.fill();
    const value = { filler: "x".repeat(500_000) };
    const outcomes = await Promise.allSettled(
      ["a", "b"].map((key) => database.commit([images.put(ns, key, value)])),
    );
    for (const outcome of outcomes) {
      assert.equal(outcome.status, "rejected");
      assert.equal(outcome.reason.code, "ResourceExhausted");
      assert.match(outcome.reason.message, /disk is full/);
    }
    assert.deepEqual(images.list(ns), [["before", { n: 1 }]]);
    await disk.free();
    await database.commit([images.put(ns, "after", { n: 2 })]);
  }
  await using database = await openDatabase({ path });
  assert.deepEqual((await database.collection("images")).list(ns), [
    ["after", { n: 2 }],
    ["before", { n: 1 }],
  ]);
});

test("on a full disk records can be removed, however young the log is, also after an end in order or by a crash", async () => {
  await using disk = await smallDisk(24 << 20);
  const path = join(disk.path, "metadata.db");
  const count = 300;
  {
    await using database = await openDatabase({ path });
    const images = await database.collection("images");
    for (let i = 0; i < count; i++)
      await database.commit([images.put(ns, `key${i}`, { filler: "x".repeat(2000) })]);
  }
  for (const end of ["in order", "by a crash", "in order"]) {
    await disk.fill();
    const child = end === "by a crash" ? startCommitter(path) : undefined;
    if (child?.stdout) await once(child.stdout, "readable");
    if (child !== undefined) {
      const exit = once(child, "exit");
      child.kill("SIGKILL");
      await exit;
    }
    await using database = await openDatabase({ path });
    const images = await database.collection("images");
    const keys = images.list(ns).map(([key]) => key);
    assert.ok(keys.length >= 100);
    for (const key of keys.slice(0, 100)) await database.commit([images.delete(ns, key)]);
  }
});

test("on a full disk new records leave the room that removals need", async () => {
  await using disk = await smallDisk(24 << 20);
  await using database = await openDatabase({ path: join(disk.path, "metadata.db") });
  const images = await database.collection("images");
  const keys = Array.from({ length: 100 }, (_, i) => `key${i}`);
  for (const key of keys) await database.commit([images.put(ns, key, { filler: "x".repeat(2000) })]);
  await disk.fill();
  const value = { filler: "x".repeat(30_000) };
  const additions = Array.from({ length: 400 }, (_, i) =>
    database.commit([images.put(ns, `new${i}`, value)]),
  );
  for (const addition of additions)
    await assert.rejects(addition, { code: "ResourceExhausted", message: /disk is full/ });
  for (const key of keys) {
    await database.commit([images.put(ns, key, { filler: "stopping" })]);
    await database.commit([images.delete(ns, key)]);
  }
});

test("a disk that has not enough left for that room is not filled for it, and the log says so", async () => {
  await using disk = await smallDisk(6 << 20);
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({ level: "warn", format: "json", destination });
  await using _ = await openDatabase({ path: join(disk.path, "metadata.db"), logger });
  await until(() => lines.length > 0);
  assert.match(lines.join(), /takes \d+ bytes of its disk, which has \d+ left/);
});

test("on a full disk any number of records can be changed and removed, though the file had none of them yet", async () => {
  await using disk = await smallDisk(24 << 20);
  await using database = await openDatabase({ path: join(disk.path, "metadata.db") });
  const images = await database.collection("images");
  const keys = Array.from({ length: 300 }, (_, i) => `key${i}`);
  for (const key of keys) await database.commit([images.put(ns, key, { filler: "x".repeat(2000) })]);
  await disk.fill();
  for (const key of keys) {
    await database.commit([images.put(ns, key, { filler: "stopping" })]);
    await database.commit([images.delete(ns, key)]);
  }
  assert.deepEqual(images.list(ns), []);
});

test("the log that an end in order has left is no part of a new database", async () => {
  await using directory = await tempDir();
  const path = join(directory.path, "metadata.db");
  {
    await using database = await openDatabase({ path });
    const images = await database.collection("images");
    await database.commit([images.put(ns, "old", {})]);
  }
  await rm(path);
  await using database = await openDatabase({ path });
  const images = await database.collection("images");
  assert.deepEqual(images.list(ns), []);
  await database.commit([images.put(ns, "new", {})]);
});

test("a damaged file is refused by name, with what to do, and left as it is", async () => {
  await using directory = await tempDir();
  const path = join(directory.path, "metadata.db");
  {
    await using database = await openDatabase({ path });
    const images = await database.collection("images");
    await database.commit(
      Array.from({ length: 200 }, (_, i) => images.put(ns, `key${i}`, { filler: "x".repeat(500) })),
    );
  }
  const whole = await readFile(path);
  const damages: Record<string, () => Promise<void>> = {
    garbage: () => writeFile(path, "this is no database, and it is longer than a header".repeat(10)),
    "zeroed page": () => writeFile(path, Buffer.from(whole).fill(0, 4096 * 10, 4096 * 11)),
    "cut off": () => truncate(path, 4096 * 6),
  };
  for (const [what, damage] of Object.entries(damages)) {
    await writeFile(path, whole);
    await damage();
    const damagedFile = await readFile(path);
    await assert.rejects(openDatabase({ path }), (error: Error & { code: string }) => {
      assert.equal(error.code, "DataLoss", `${what}: ${error.message}`);
      assert.ok(error.message.includes(path));
      assert.match(error.message, /integrity_check/);
      return true;
    });
    assert.ok(damagedFile.equals(await readFile(path)), `${what}: the file was changed`);
  }
});
