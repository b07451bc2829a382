import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { messageOf } from "../../../ground/errors/index.ts";
import { ignoreMissing, isErrno } from "../../../ground/fs/index.ts";
import type { Logger } from "../../../ground/logging/index.ts";
import type { PodServices } from "../services.ts";
import { dumpPrefix } from "./paths.ts";

/** What to undo if a checkpoint or a commit is interrupted. */
export type Journal = {
  /** Containers that may be paused, or dumped by criu. */
  readonly containerIds: readonly string[];
  /** Those of them that a client had paused before. Earlier versions did not write this. */
  readonly pausedBefore?: readonly string[];
  /** Incomplete files and directories on the host. */
  readonly partial: readonly string[];
};

const name = "journal.json";

/**
 * Creates the directory of a checkpoint with its journal, or replaces the journal; on a full disk, the old
 * journal stays.
 */
export async function beginJournal(directory: string, journal: Journal): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, name);
  await writeFile(`${path}.new`, JSON.stringify(journal), { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
}

/**
 * Undefined if it is missing or incomplete: then nothing had been done yet. Throws an error of the file
 * system.
 */
export async function readJournal(directory: string, logger: Logger): Promise<Journal | undefined> {
  try {
    return JSON.parse(await readFile(join(directory, name), "utf8"));
  } catch (error) {
    if (!isErrno(error, "ENOENT") && !(error instanceof SyntaxError)) throw error;
    logger.debug({ directory, error: messageOf(error) }, "a checkpoint's directory without a journal");
    return undefined;
  }
}

/**
 * Takes what is at or below a path, where a new checkpoint is about to be written, out of the journals of
 * leftovers: the next daemon would remove the new one. A journal that cannot be read stays. Throws an error
 * of the file system.
 */
export async function forgetLeftovers(
  path: string,
  { checkpointDir, trash, logger }: Pick<PodServices, "checkpointDir" | "trash" | "logger">,
): Promise<void> {
  const taken = resolve(path);
  const names = (await readdir(checkpointDir).catch(ignoreMissing)) ?? [];
  for (const each of names.filter((one) => one.startsWith(dumpPrefix))) {
    const directory = join(checkpointDir, each);
    const journal = await readJournal(directory, logger).catch(
      (err: unknown) => void logger.warn({ err, directory }, "cannot read what is left of a checkpoint"),
    );
    // One with containers is of a checkpoint or a rollback in progress.
    if (journal === undefined || journal.containerIds.length > 0) continue;
    const partial = journal.partial.filter((left) => left !== taken && !left.startsWith(`${taken}/`));
    if (partial.length === journal.partial.length) continue;
    if (partial.length === 0) await trash.take(directory);
    else await beginJournal(directory, { ...journal, partial });
  }
}
