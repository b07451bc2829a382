import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { createLogger } from "../../ground/logging/index.ts";
import { startFakeRegistry } from "../../testing/fake-registry.ts";
import { imageOf } from "../../testing/images.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { until } from "../../testing/until.ts";
import { DiskThresholds, type Image, type ThresholdOptions } from "./index.ts";
import { openStack } from "./testing/stack.ts";

const run = promisify(execFile);
const names = ["first", "second", "third", "fourth"] as const;
type Name = (typeof names)[number];

/** Four images of some 8 MiB each, pulled in this order, on a file system of 64 MiB of their own. */
async function setting() {
  await using undo = new AsyncDisposableStack();
  const { path } = undo.use(await tempDir());
  const root = join(path, "disk");
  await mkdir(root);
  await run("mount", ["-t", "tmpfs", "-o", "size=64m", "tmpfs", root]);
  undo.defer(async () => {
    await run("umount", [root]);
  });
  const images = await Promise.all(
    names.map(async (name) => {
      const content = randomBytes(4 * 1024 * 1024);
      return [`${name}:1`, await imageOf({ layers: [[{ name, content }]] })] as const;
    }),
  );
  const registry = undo.use(await startFakeRegistry(Object.fromEntries(images)));
  const stack = undo.use(await openStack({ root }));
  for (const name of names) await stack.images.pull({ reference: `${registry.host}/${name}:1` });
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({ level: "info", format: "json", destination });
  const used = new Set<Name>();
  const nameOf = ({ repoTags: [tag = ""] }: Image) => tag.slice(tag.indexOf("/") + 1).split(":")[0] as Name;
  const held = undo.move();
  return {
    ...{ stack, used, lines },
    thresholds: (options: Partial<ThresholdOptions>) =>
      new DiskThresholds(
        { highPercent: 1, lowPercent: 0, minAgeMs: 0, periodMs: 10, ...options },
        { images: stack.images, directory: root, isUsed: (image) => used.has(nameOf(image)), logger },
      ),
    left: () => stack.images.list().map(nameOf).sort(),
    usedPercent: async () => {
      const { blocks, bavail } = await statfs(root);
      return 100 - (bavail * 100) / blocks;
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

test("images are removed from a full disk, least recently used first, down to the low threshold", async () => {
  await using set = await setting();
  const before = await set.usedPercent();
  await set.thresholds({ highPercent: 99, lowPercent: 10 }).check();
  assert.equal(set.left().length, 4);
  // Each takes an eighth of the disk.
  const lowPercent = Math.floor(before) - 20;
  const thresholds = set.thresholds({ highPercent: lowPercent, lowPercent });
  set.used.add("first");
  await thresholds.check();
  assert.deepEqual(set.left(), ["first", "fourth"]);
  await until(async () => (await set.usedPercent()) <= lowPercent);
  assert.match(set.lines.join(""), /removed images, as the disk is full/);
  // Last used after the other one was pulled.
  set.used.clear();
  await writeFile(join(set.stack.root, "filler"), randomBytes(8 * 1024 * 1024));
  await thresholds.check();
  assert.deepEqual(set.left(), ["first"]);
});

test("used, pinned, new and currently pulled images are kept, and the log says that no more can be removed", async () => {
  await using set = await setting();
  set.used.add("first");
  await set.stack.images.setPinned(set.stack.images.list().at(1)?.id ?? "", true);
  await set.thresholds({ minAgeMs: 3_600_000 }).check();
  assert.equal(set.left().length, 4);
  assert.match(set.lines.join(""), /no more images can be removed/);
  await set.thresholds({}).check();
  assert.equal(set.left().length, 2);
  assert.ok(set.left().includes("first"));
});

test("the disk is checked periodically, unless that is turned off", async () => {
  await using set = await setting();
  const off = set.thresholds({ highPercent: 0 });
  off.start();
  await off.close();
  assert.equal(set.left().length, 4);
  const thresholds = set.thresholds({});
  thresholds.start();
  await until(() => set.left().length === 0);
  await thresholds.close();
});
