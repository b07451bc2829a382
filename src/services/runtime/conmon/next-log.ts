import { lstat, rm } from "node:fs/promises";
import { ignoreMissing } from "../../../ground/fs/index.ts";
import { holdLog, releaseLog } from "./held-log.ts";
import { LogFile, type LogPlace, nextPathOf } from "./log-file.ts";
import type { TaskFiles } from "./task-files.ts";

/** Gives conmon (2.1) its next log: it opens a name, and then renames that to its log's. */
export type NextLog = {
  /** Creates the file. Throws like {@link LogFile.replace}. */
  make(): Promise<LogFile>;
  /**
   * Puts it where conmon opens it. It stays there after a failure or a timeout, since conmon ends if it finds
   * nothing.
   */
  offer(file: LogFile): Promise<void>;
  /** Whether conmon has opened and renamed it. */
  isRenamed(): Promise<boolean>;
  /** Removes what is left of the offer, once conmon has the file. */
  clear(): Promise<void>;
};

/** By a name in the bundle, which is private. */
export function nextLogInBundle(place: LogPlace, files: TaskFiles, monitorPid: number): NextLog {
  const { path, lookUp } = place;
  return {
    make: () => LogFile.replace(place),
    // Mounting asks the file system.
    offer: (file) => lookUp(path, () => holdLog(file, files, monitorPid)),
    isRenamed: () => isGone(files.nextLog),
    async clear() {
      await releaseLog(files);
      await rm(files.log, { force: true });
    },
  };
}

/**
 * By the log's own path, for a conmon that an earlier berth has started. A container that can write to the
 * directory of its log may put a link there between the creation and conmon's open.
 */
export function nextLogBeside(place: LogPlace): NextLog {
  const { path, lookUp } = place;
  return {
    make: () => LogFile.beside(place),
    offer: async () => undefined,
    isRenamed: () => lookUp(path, () => isGone(nextPathOf(path))),
    clear: async () => undefined,
  };
}

async function isGone(path: string): Promise<boolean> {
  return (await lstat(path).catch(ignoreMissing)) === undefined;
}
