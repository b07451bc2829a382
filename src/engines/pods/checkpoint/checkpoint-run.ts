import { makeDirectories } from "../../../ground/directories/index.ts";
import { removeApart } from "../../../ground/trees/index.ts";
import type { Task } from "../../../services/runtime/index.ts";
import { EngineError } from "../../engine/index.ts";
import { type ContainerRecord, newId, type SandboxRecord } from "../records/records.ts";
import type { PodServices } from "../services.ts";
import { writeContainerArchive } from "./container-archive.ts";
import { whilePaused } from "./freeze.ts";
import { beginJournal } from "./journal.ts";
import { criuPaths, dumpDirectory } from "./paths.ts";

/** One container of a checkpoint, and its archive's path. */
export type Subject = {
  readonly record: ContainerRecord;
  readonly task: Task;
  readonly archive: string;
};

export type CheckpointRun = {
  readonly sandbox: SandboxRecord;
  readonly subjects: readonly Subject[];
  /** Contains the journal. */
  readonly directory: string;
  /** For criu's images: needs as much space as the processes have memory. */
  readonly scratch: string;
  /** Files at the client's location, which are removed unless the checkpoint is finished. */
  readonly files: readonly string[];
  readonly criuPath: string;
  /** Renames what was written to its final name, once all containers have resumed. */
  readonly finish: () => Promise<void>;
};

/**
 * Dumps all containers at one point in time, resumes them, and finishes. On a failure, incomplete files are
 * removed before this rejects, or else by the next daemon, which finds them with the journal, as after a
 * crash.
 */
export async function runCheckpoint(
  run: CheckpointRun,
  services: PodServices,
  signal: AbortSignal,
): Promise<void> {
  const { subjects, directory, scratch, files } = run;
  const partial = [scratch, ...files];
  signal.throwIfAborted();
  for (const { record } of subjects) services.pendingRollbacks.refuse(record);
  await services.trash.take(directory);
  const pausedBefore = await pausedOf(subjects.map(({ task }) => task));
  await beginJournal(directory, { containerIds: subjects.map(({ task }) => task.id), pausedBefore, partial });
  let finished = false;
  try {
    services.observer("checkpoint-pause");
    await whilePaused(
      subjects.map(({ task }) => task),
      () => writeAll(run, services, signal),
    );
    services.observer("checkpoint-finish");
    await run.finish();
    finished = true;
    services.observer("checkpoint-finished");
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    await removeRest(run, finished ? [scratch] : partial, services);
  }
}

async function pausedOf(tasks: readonly Task[]): Promise<readonly string[]> {
  const paused = await Promise.all(tasks.map((task) => task.isPaused()));
  return tasks.filter((_, index) => paused[index]).map(({ id }) => id);
}

/**
 * Files at the client's location are removed first; those in the checkpoint's own directory with it, in the
 * background. If that fails, a journal lists what to remove: a finished checkpoint stays, and an unfinished
 * one reports its error.
 */
async function removeRest(
  { directory, sandbox }: CheckpointRun,
  rest: readonly string[],
  { checkpointDir, hostPaths, trash, logger }: PodServices,
): Promise<void> {
  const lookUp = hostPaths.of(sandbox.id);
  const outside = rest.filter((path) => !path.startsWith(`${directory}/`));
  try {
    await Promise.all(outside.map((path) => lookUp(path, () => removeApart(path))));
  } catch (err) {
    // In a directory of its own: the next checkpoint replaces this one's.
    const left = dumpDirectory(checkpointDir, newId());
    await beginJournal(left, { containerIds: [], partial: outside });
    logger.warn(
      { err, paths: outside },
      "cannot remove the leftovers of a checkpoint; removal is retried at the next start",
    );
  }
  await trash.take(directory);
}

async function writeAll(run: CheckpointRun, services: PodServices, signal: AbortSignal): Promise<void> {
  const lookUp = services.hostPaths.of(run.sandbox.id, signal);
  for (const { record, task, archive } of run.subjects) {
    signal.throwIfAborted();
    const paths = criuPaths(run.scratch, record.id);
    await lookUp(paths.imageDir, () => makeDirectories(paths.imageDir, 0o700));
    services.observer("checkpoint-dump");
    await task.dump({ ...paths, criuPath: run.criuPath }, signal);
    signal.throwIfAborted();
    services.observer("checkpoint-archive");
    await writeContainerArchive(archive, record, run.sandbox, paths, services, signal);
  }
}

/** Combines a call's signal with a timeout, whose reason is EngineError DeadlineExceeded. */
export function limited(signal: AbortSignal | undefined, timeoutMs: number): AbortSignal & Disposable {
  const expiry = new AbortController();
  const timer = setTimeout(
    () =>
      expiry.abort(
        new EngineError("DeadlineExceeded", `the checkpoint did not finish within ${timeoutMs} ms`),
      ),
    timeoutMs,
  );
  const both = signal === undefined ? expiry.signal : AbortSignal.any([signal, expiry.signal]);
  return Object.assign(both, { [Symbol.dispose]: () => clearTimeout(timer) });
}
