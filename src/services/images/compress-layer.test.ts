import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { digestOf } from "../../parts/oci/index.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { compressLayer } from "./compress-layer.ts";

test("compressing a layer leaves the reserved disk space free", async () => {
  await using directory = await tempDir();
  const path = join(directory.path, "layer");
  const bytes = Buffer.from("a layer");
  await writeFile(path, bytes);
  const layer = { name: "layer.tar", path, size: bytes.length, digest: digestOf(bytes) };
  // No file system is as empty as that.
  const refused = { code: "ResourceExhausted", message: /layer sha256:.*images\.min_free_percent/ };
  await assert.rejects(compressLayer(layer, 100, new AbortController().signal), refused);
});
