/** The thread behind {@link "./layer-diffs.ts"}. */
import { closeSync, openSync } from "node:fs";
import { serveJobs } from "../../ground/threads/index.ts";
import { type WrittenLayer, writeLayer } from "../../parts/layerdiff/index.ts";
import type { DiffJob } from "./layer-diffs.ts";

serveJobs(perform);

function perform({ path, source, options }: DiffJob): WrittenLayer {
  const fd = openSync(path, "r+");
  try {
    return writeLayer(fd, source, options);
  } finally {
    closeSync(fd);
  }
}
