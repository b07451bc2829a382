import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { tempDir } from "../../testing/temp-dir.ts";
import { applyBytes, mountedImage, newTarget } from "./testing/apply.ts";
import { tarOf } from "./testing/tar-bytes.ts";

const [headerBytes, data] = [512, "x".repeat(700)];

for (const padding of [0, 1, 300])
  test(`an archive that ends with ${padding} of the 324 bytes behind its last file is complete`, async () => {
    await using root = await tempDir();
    const archive = tarOf({ name: "last", data }).subarray(0, headerBytes + data.length + padding);
    const target = await newTarget(join(root.path, "t"));
    await applyBytes(archive, target);
    assert.equal(await readFile(join(target.directory, "last"), "utf8"), data);
    const image = join(root.path, "image");
    await applyBytes(archive, { form: "image", directory: image });
    await using _mounted = await mountedImage(image, join(root.path, "mounted"));
    assert.equal(await readFile(join(root.path, "mounted", "last"), "utf8"), data);
  });

test("an archive that ends in the last file's data is not", async () => {
  await using root = await tempDir();
  const archive = tarOf({ name: "last", data }).subarray(0, headerBytes + data.length - 1);
  await assert.rejects(applyBytes(archive, await newTarget(join(root.path, "t"))), {
    code: "DataLoss",
  });
});
