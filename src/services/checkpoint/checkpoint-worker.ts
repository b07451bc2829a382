/** The thread behind {@link "./work.ts"}: does the one job that it was made for, synchronously. */
import { createReadStream, statSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { BerthError, type ErrorCode, messageOf } from "../../ground/errors/index.ts";
import { applyLayer, type LayerTarget, removePaths } from "../../parts/unpack/index.ts";
import type { ArchiveSource, Job, JobResult } from "./jobs.ts";
import { writeArchiveFile } from "./write-archive.ts";

const readChunkBytes = 256 * 1024;

async function perform(job: Job): Promise<void> {
  switch (job.kind) {
    case "write":
      writeArchiveFile(job.path, job.parts, job.rootfs);
      break;
    case "unpack":
      for (const source of job.sources) await apply(source, job.directory);
      break;
    case "add":
      await apply({ path: job.tar }, job.directory, "none");
      break;
    case "apply":
      if (job.diff !== undefined) await apply({ path: job.diff }, job.rootfs);
      removePaths(job.rootfs, job.deleted);
      break;
  }
}

async function apply(
  { path, expected }: ArchiveSource,
  directory: string,
  whiteouts: LayerTarget["whiteouts"] = "remove",
): Promise<void> {
  await applyLayer(createReadStream(path, { highWaterMark: readChunkBytes }), {
    target: { directory, whiteouts },
    expected: expected ?? { size: statSync(path).size },
  });
}

function codeOf(error: unknown): ErrorCode {
  if (error instanceof BerthError) return error.code;
  const errno = (error as NodeJS.ErrnoException).code;
  return errno === "ENOSPC" || errno === "EDQUOT" ? "ResourceExhausted" : "Internal";
}

async function resultOf(job: Job): Promise<JobResult> {
  try {
    await perform(job);
    return { kind: "done" };
  } catch (error) {
    return { kind: "failed", code: codeOf(error), message: messageOf(error) };
  }
}

parentPort?.postMessage(await resultOf(workerData as Job));
