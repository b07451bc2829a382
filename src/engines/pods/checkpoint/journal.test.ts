import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { mount, unmount } from "../../../ground/linux/index.ts";
import { createLogger } from "../../../ground/logging/index.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import { beginJournal, readJournal } from "./journal.ts";

const logger = createLogger({ level: "fatal", format: "json" });

test("the journal of a checkpoint is read as it was last written whole, also on a full disk", async () => {
  await using dir = await tempDir();
  await mount({ source: "small", target: dir.path, type: "tmpfs", data: "size=16k" });
  try {
    const directory = join(dir.path, "checkpoint");
    assert.equal(await readJournal(directory, logger), undefined);
    const journals = ["one", "other"].map((path) => ({ containerIds: [], partial: [path] }));
    for (const journal of journals) {
      await beginJournal(directory, journal);
      assert.deepEqual(await readJournal(directory, logger), journal);
    }
    const tooLong = { containerIds: [], partial: ["x".repeat(100_000)] };
    await assert.rejects(beginJournal(directory, tooLong), { code: "ENOSPC" });
    assert.deepEqual(await readJournal(directory, logger), journals[1]);
  } finally {
    await unmount(dir.path);
  }
});
