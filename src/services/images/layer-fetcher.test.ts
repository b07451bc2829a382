import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createLogger } from "../../ground/logging/index.ts";
import { openDatabase } from "../../ground/metadata/index.ts";
import { digestOf, mediaType } from "../../parts/oci/index.ts";
import { tarOf } from "../../testing/images.ts";
import { PublishedEvents } from "../../testing/published.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { openContent } from "../content/index.ts";
import { LayerFetcher } from "./layer-fetcher.ts";
import { ProgressListeners } from "./layer-progress.ts";
import { LayerSyncs } from "./layer-syncs.ts";
import { WorkerPool } from "./worker-pool.ts";

test("no later pull resumes from bytes that the disk failed to write, though they can still be read", async () => {
  await using scratch = await tempDir();
  const root = scratch.path;
  await using database = await openDatabase({ path: join(root, "metadata.db") });
  const all = await openContent({ root, database, events: new PublishedEvents() });
  const content = all.inNamespace("k8s.io");
  const tar = await tarOf([{ name: "hello", content: "hello" }]);
  const [digest, path, directory] = [digestOf(tar), join(root, "layer"), join(root, "fs")];
  await writeFile(path, tar);
  await mkdir(directory);
  const syncs = new LayerSyncs(root, async () => ({
    sync: () => Promise.reject(new Error("EIO")),
    [Symbol.asyncDispose]: async () => undefined,
  }));
  await using workers = new WorkerPool(1);
  const limits = { maxBytes: 0, maxFiles: 0, minFreePercent: 0 };
  const progress = new ProgressListeners();
  const logger = createLogger({ level: "error", format: "json" });
  const fetcher = new LayerFetcher({ content, workers, progress, peers: undefined, limits, syncs, logger });
  const descriptor = { mediaType: mediaType.ociLayer, digest, size: tar.length };
  const layer = { descriptor, diffId: digest, chainId: digest, parent: undefined };
  const target = { directory, whiteouts: "overlayfs" } as const;
  const apply = fetcher.apply(
    layer,
    target,
    async () => ({ kind: "file", path }),
    AbortSignal.timeout(60_000),
  );
  await assert.rejects(apply, { message: /EIO/ });
  assert.deepEqual([content.list(), await content.ingests()], [[], []]);
});
