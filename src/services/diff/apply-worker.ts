/** The threads behind {@link "./differ.ts"}. */
import { createReadStream } from "node:fs";
import { syncFileSystem } from "../../ground/linux/index.ts";
import { serveJobs } from "../../ground/threads/index.ts";
import { type AppliedLayer, applyLayer } from "../../parts/unpack/index.ts";
import { inheritDirectories, inheritInImage } from "../snapshots/index.ts";
import type { ApplyJob } from "./differ.ts";

const readChunkBytes = 256 * 1024;

serveJobs(apply);

async function apply(
  { path, descriptor, format, limits, target, lower, sync }: ApplyJob,
  signal: AbortSignal,
): Promise<AppliedLayer> {
  const blob = createReadStream(path, { highWaterMark: readChunkBytes });
  const applied = await applyLayer(blob, {
    target,
    format,
    expected: descriptor,
    ...(limits === undefined ? {} : { limits }),
    signal,
  });
  if ("form" in target) inheritInImage(target.directory, lower, applied.undescribedDirectories);
  else inheritDirectories(target.directory, lower, applied.undescribedDirectories);
  if (sync) await syncFileSystem(target.directory);
  return applied;
}
