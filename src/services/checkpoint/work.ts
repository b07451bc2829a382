import type { LookUp } from "../../ground/hostpaths/index.ts";
import { raceAbort } from "../../ground/sync/index.ts";
import { endThread, receivedError, startThread, threadFile } from "../../ground/threads/index.ts";
import { ArchiveReader } from "./archive-reader.ts";
import { CheckpointError } from "./checkpoint-error.ts";
import type {
  ArchiveBytes,
  ArchivePart,
  ArchiveSource,
  Job,
  JobResult,
  ReadRequest,
  RootfsSource,
  SizedArchive,
} from "./jobs.ts";

/**
 * Writes an archive at `path`, readable only by its owner; durable when it resolves. On an error, or when
 * `signal` aborts, the caller must remove an incomplete file. Throws CheckpointError and the signal's reason.
 */
export async function writeArchive(
  path: string,
  parts: readonly ArchivePart[],
  rootfs: RootfsSource,
  signal: AbortSignal,
): Promise<void> {
  await run({ kind: "write", path, parts, rootfs }, signal);
}

/**
 * Unpacks archives, one on top of the other, into an empty directory, which the caller removes. They are read
 * with `lookUp`, one call for each piece. Throws CheckpointError, HostPathError if a file system is
 * unresponsive, and the signal's reason.
 */
export async function unpackArchive(
  sources: readonly ArchiveSource[],
  directory: string,
  lookUp: LookUp,
  signal?: AbortSignal,
): Promise<void> {
  using reader = new ArchiveReader(lookUp);
  const sized: SizedArchive[] = [];
  for (const { path, expected } of sources)
    sized.push({ path, expected: expected ?? { size: await reader.sizeBytes(path) } });
  await run({ kind: "unpack", sources: sized, directory }, signal, reader);
}

/**
 * Adds a tar's files to a directory; existing files stay as they are. Safe with an untrusted tar, and with
 * others writing to the directory: nothing is written outside of it. Throws CheckpointError.
 */
export async function addMissingFiles(tar: string, directory: string): Promise<void> {
  await run({ kind: "add", tar, directory });
}

/**
 * Applies the changes of a checkpoint's container to the tree at `rootfs`, which contains the base image.
 * Throws CheckpointError.
 */
export async function applyRootfsDiff(
  { diff, deleted }: { readonly diff: string | undefined; readonly deleted: readonly string[] },
  rootfs: string,
): Promise<void> {
  if (diff === undefined && deleted.length === 0) return;
  await run({ kind: "apply", diff, deleted, rootfs });
}

/** Each job has its own thread: jobs are rare, and ending the thread cancels the job. */
async function run(job: Job, signal?: AbortSignal, reader?: ArchiveReader): Promise<void> {
  signal?.throwIfAborted();
  const worker = startThread(threadFile(import.meta.url, "./checkpoint-worker"), {
    name: "checkpoint",
    execArgv: [],
    workerData: job,
  });
  const done = Promise.withResolvers<JobResult>();
  worker.on("message", (message: JobResult | ReadRequest) => {
    if (message.kind !== "read") done.resolve(message);
    else
      reader
        ?.next(message.path)
        .then((bytes) => worker.postMessage({ bytes } satisfies ArchiveBytes, [bytes.buffer]))
        .catch(done.reject);
  });
  worker.once("error", done.reject);
  worker.once("exit", () =>
    done.reject(new CheckpointError("Internal", "the checkpoint thread ended before its work was done")),
  );
  try {
    const result = await raceAbort(done.promise, signal);
    if (result.kind === "failed") throw receivedError(result.error, CheckpointError);
  } finally {
    await endThread(worker);
  }
}
