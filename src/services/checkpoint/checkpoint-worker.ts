/** The thread behind {@link "./work.ts"}: does one job, synchronously. */
import { once } from "node:events";
import { createReadStream, statSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { sentError, threadIsLoaded } from "../../ground/threads/index.ts";
import { applyLayer, type DirectoryTarget, removePaths } from "../../parts/unpack/index.ts";
import type { ArchiveBytes, Job, JobResult, ReadRequest } from "./jobs.ts";
import { writeArchiveFile } from "./write-archive.ts";

const readChunkBytes = 256 * 1024;

async function perform(job: Job): Promise<void> {
  switch (job.kind) {
    case "write":
      writeArchiveFile(job.path, job.parts, job.rootfs);
      break;
    case "unpack":
      for (const { path, expected } of job.sources)
        await applyLayer(bytesOf(path), {
          target: { directory: job.directory, whiteouts: "remove" },
          expected,
        });
      break;
    case "add":
      await apply(job.tar, job.directory, "none");
      break;
    case "apply":
      if (job.diff !== undefined) await apply(job.diff, job.rootfs);
      removePaths(job.rootfs, job.deleted);
      break;
  }
}

/** Bytes of an archive that may be anywhere: the parent thread reads it. */
async function* bytesOf(path: string): AsyncGenerator<Uint8Array> {
  if (parentPort === null) throw new Error("this file is a thread's");
  for (;;) {
    const answer = once(parentPort, "message");
    parentPort.postMessage({ kind: "read", path } satisfies ReadRequest);
    const [{ bytes }]: [ArchiveBytes] = (await answer) as [ArchiveBytes];
    if (bytes.length === 0) return;
    yield bytes;
  }
}

/** Bytes of a tar in one of our directories. */
async function apply(
  path: string,
  directory: string,
  whiteouts: DirectoryTarget["whiteouts"] = "remove",
): Promise<void> {
  await applyLayer(createReadStream(path, { highWaterMark: readChunkBytes }), {
    target: { directory, whiteouts },
    expected: { size: statSync(path).size },
  });
}

async function resultOf(job: Job): Promise<JobResult> {
  try {
    await perform(job);
    return { kind: "done" };
  } catch (error) {
    return { kind: "failed", error: sentError(error) };
  }
}

threadIsLoaded();
resultOf(workerData as Job).then((result) => parentPort?.postMessage(result));
