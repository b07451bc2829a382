import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { tempDir } from "../testing/temp-dir.ts";
import { socketGroup } from "./socket-group.ts";

test("the socket's group is given by a name of the machine's, by a number, or not at all", async () => {
  await using dir = await tempDir();
  const file = join(dir.path, "group");
  await writeFile(file, "root:x:0:\nberth:x:4711:alice\n");
  assert.equal(await socketGroup("berth", file), 4711);
  assert.equal(await socketGroup("12", file), 12);
  assert.equal(await socketGroup("", file), undefined);
  await assert.rejects(socketGroup("nosuch", file), /group "nosuch" not found in .*groupadd nosuch/);
});
