import type { LookUp } from "../../ground/hostpaths/index.ts";
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
 * Writes an archive at `path`, readable by its owner alone; on disk when it resolves. On an error, or when
 * `signal` aborts, a part of it may lie there, for the caller to remove. Throws CheckpointError and the
 * signal's reason.
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
 * Takes archives apart, one over the other, in an empty directory that is the caller's to remove. They are
 * read by `lookUp`, each piece of them one. Throws CheckpointError, HostPathError for one that does not
 * answer any more, and the signal's reason.
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
 * Makes the files of a tar that a directory has not, whoever wrote the tar and whoever else writes to the
 * directory: nothing is written outside of it, and what is there stays as it is. Throws CheckpointError.
 */
export async function addMissingFiles(tar: string, directory: string): Promise<void> {
  await run({ kind: "add", tar, directory });
}

/**
 * Gives the tree at `rootfs`, which holds the base image, what the checkpoint's container had changed. Throws
 * CheckpointError.
 */
export async function applyRootfsDiff(
  { diff, deleted }: { readonly diff: string | undefined; readonly deleted: readonly string[] },
  rootfs: string,
): Promise<void> {
  if (diff === undefined && deleted.length === 0) return;
  await run({ kind: "apply", diff, deleted, rootfs });
}

/**
 * Each job has a thread of its own: they are rare, and one that is not wanted any more ends with its thread.
 */
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
  const abort = () => done.reject(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    const result = await done.promise;
    if (result.kind === "failed") throw receivedError(result.error, CheckpointError);
  } finally {
    signal?.removeEventListener("abort", abort);
    await endThread(worker);
  }
}
