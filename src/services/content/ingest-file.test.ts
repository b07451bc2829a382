import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { digestOf } from "../../parts/oci/index.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { IngestFile } from "./index.ts";

const bytes = Buffer.from("the bytes of a layer ".repeat(20_000));

test("an ingest's file hashes what is appended, and what was there when it is opened again", async () => {
  await using directory = await tempDir();
  const path = join(directory.path, "data");
  {
    await using file = await IngestFile.open(path, { hash: true });
    await file.append(bytes.subarray(0, 300_000));
    assert.equal(file.digest(), digestOf(bytes.subarray(0, 300_000)));
  }
  await using file = await IngestFile.open(path, { hash: true });
  assert.equal(file.offset, 300_000);
  await file.append(bytes.subarray(300_000));
  await file.sync();
  assert.equal(file.digest(), digestOf(bytes));
});

test("the bytes that are there can be read from the start, while more are appended", async () => {
  await using directory = await tempDir();
  await using file = await IngestFile.open(join(directory.path, "data"));
  await file.append(bytes);
  const chunks: Uint8Array[] = [];
  for await (const chunk of file.existing()) {
    chunks.push(chunk);
    await file.append(Buffer.from("more"));
  }
  assert.ok(chunks.length > 1);
  assert.ok(bytes.equals(Buffer.concat(chunks)));
});

test("truncating starts the file and its hash anew", async () => {
  await using directory = await tempDir();
  await using file = await IngestFile.open(join(directory.path, "data"), { hash: true });
  await file.append(Buffer.from("something else"));
  await file.truncate();
  await file.append(bytes);
  assert.equal(file.offset, bytes.length);
  assert.equal(file.digest(), digestOf(bytes));
});
