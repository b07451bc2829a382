import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { openDatabase } from "../../ground/metadata/index.ts";
import { digestOf } from "../../parts/oci/index.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { ServiceEvents } from "../events/index.ts";
import { openContent } from "./index.ts";

function moduleUrl(path: string): string {
  return JSON.stringify(new URL(path, import.meta.url).href);
}

/**
 * Commits blobs, three at a time, and prints the text of each once it is committed; killed when `enough`
 * were.
 */
async function commitUntilKilled(root: string, round: number, enough: number): Promise<readonly string[]> {
  const script = `
    import { openDatabase } from ${moduleUrl("../../ground/metadata/index.ts")};
    import { openContent } from ${moduleUrl("./index.ts")};
    import { ServiceEvents } from ${moduleUrl("../events/index.ts")};
    import { digestOf } from ${moduleUrl("../../parts/oci/index.ts")};
    const root = ${JSON.stringify(root)};
    const database = await openDatabase({ path: root + "/metadata.db" });
    const store = (await openContent({ root, database, events: new ServiceEvents() })).inNamespace("k8s.io");
    let next = 0;
    await Promise.all([1, 2, 3].map(async () => {
      for (;;) {
        const text = "blob ${round}." + next++;
        const bytes = Buffer.from(text);
        await using writer = await store.writer(text);
        await writer.write(bytes);
        await writer.commit({ digest: digestOf(bytes), size: bytes.length });
        process.stdout.write(text + "\\n");
      }
    }));`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (lines.length === enough) child.kill("SIGKILL");
  }
  return lines;
}

test("after kill -9 in the middle of commits every acknowledged blob is whole, and files and records agree", async () => {
  await using directory = await tempDir();
  const root = directory.path;
  const acknowledged: string[] = [];
  for (const [round, enough] of [1, 25, 60].entries()) {
    acknowledged.push(...(await commitUntilKilled(root, round, enough)));
    await using database = await openDatabase({ path: join(root, "metadata.db") });
    const store = (await openContent({ root, database, events: new ServiceEvents() })).inNamespace("k8s.io");
    for (const text of acknowledged) {
      assert.equal(Buffer.from(await store.read(digestOf(Buffer.from(text)), 100)).toString(), text);
    }
    const files = await readdir(join(root, "content/blobs/sha256"));
    assert.deepEqual(
      files.map((hex) => `sha256:${hex}`).sort(),
      store.list().map(({ digest }) => digest),
    );
    for (const { ref } of await store.ingests()) {
      const bytes = Buffer.from(ref);
      await using writer = await store.writer(ref);
      await writer.write(bytes.subarray(writer.offset));
      await writer.commit({ digest: digestOf(bytes), size: bytes.length });
      acknowledged.push(ref);
    }
  }
  assert.ok(acknowledged.length >= 86);
});
