/** The thread behind {@link "./layer-diffs.ts"} and {@link "./piped-trees.ts"}. */
import { closeSync, openSync } from "node:fs";
import { serveJobs } from "../../ground/threads/index.ts";
import { type WrittenLayer, writeChanges, writeLayer } from "../../parts/layerdiff/index.ts";
import type { DiffJob, LayerJob } from "./jobs.ts";

serveJobs(perform);

function perform(job: DiffJob): WrittenLayer | undefined {
  if (job.kind === "layer") return layer(job);
  const { kind, fd, source } = job;
  if (kind === "archive") writeLayer(fd, source, { compression: "none", pipe: true });
  else writeChanges(fd, source.base, source.tree);
  return undefined;
}

function layer({ path, source, options }: LayerJob): WrittenLayer {
  const fd = openSync(path, "r+");
  try {
    return writeLayer(fd, source, options);
  } finally {
    closeSync(fd);
  }
}
