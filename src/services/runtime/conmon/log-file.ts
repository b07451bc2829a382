import { constants, rmSync, symlinkSync } from "node:fs";
import { type FileHandle, lstat, open, readdir, rename, stat, unlink } from "node:fs/promises";
import { codeOf } from "../../../ground/errors/index.ts";
import { ignoreMissing, isErrno } from "../../../ground/fs/index.ts";
import type { LookUp } from "../../../ground/hostpaths/index.ts";
import { RuntimeError } from "../runtime-error.ts";
import { openLookedUp } from "../streams/open-look-up.ts";

/** As containerd creates them. */
const logMode = 0o640;
/** Never follows a link, and never waits, whatever is there. */
const writing = constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** A container's log by its path, which others choose: each call throws what `lookUp` throws. */
export type LogPlace = { readonly path: string; readonly lookUp: LookUp };

/** Device and inode of a file. */
export type FileIdentity = string;

/** An open log, so that nobody who can write to its directory can replace it by another file. */
export class LogFile implements AsyncDisposable {
  readonly handle: FileHandle;
  readonly identity: FileIdentity;
  readonly #place: LogPlace;

  private constructor(place: LogPlace, handle: FileHandle, identity: FileIdentity) {
    this.#place = place;
    this.handle = handle;
    this.identity = identity;
  }

  /**
   * Opens the existing log, or creates one. Throws RuntimeError FailedPrecondition if the directory is gone,
   * or something other than a regular file is there, which may come from anybody who can write to the
   * directory, such as a container that mounts it; ResourceExhausted.
   */
  static async open(place: LogPlace): Promise<LogFile> {
    const { path } = place;
    const openOrMake = () =>
      makeFile(path).catch((error: unknown) => {
        if (!isErrno(error, "EEXIST")) throw error;
        return open(path, writing);
      });
    try {
      return await LogFile.#openBy(place, openOrMake);
    } catch (error) {
      // It cannot be opened because it is not a regular file.
      if (isErrno(error, "ELOOP", "EISDIR", "ENXIO")) await identityAt(place);
      throw failure(`open log ${JSON.stringify(path)}`, error);
    }
  }

  /** Replaces the old log by a new one. Throws RuntimeError: FailedPrecondition, ResourceExhausted. */
  static replace(place: LogPlace): Promise<LogFile> {
    // If anybody has replaced the file meanwhile, their link is renamed, but nobody writes through it.
    return LogFile.#makeNext(place, () => rename(nextPathOf(place.path), place.path));
  }

  /** Creates a new one at {@link nextPathOf}, replacing whatever is there. Throws like {@link replace}. */
  static beside(place: LogPlace): Promise<LogFile> {
    return LogFile.#makeNext(place, async () => undefined);
  }

  static async #makeNext(place: LogPlace, put: () => Promise<void>): Promise<LogFile> {
    const path = nextPathOf(place.path);
    const make = async () => {
      await unlink(path).catch(ignoreMissing);
      const handle = await makeFile(path);
      try {
        await put();
        return handle;
      } catch (error) {
        await handle.close();
        throw error;
      }
    };
    try {
      return await LogFile.#openBy(place, make);
    } catch (error) {
      throw failure(`reopen log ${place.path}: the container keeps writing to the old one`, error);
    }
  }

  static async #openBy(place: LogPlace, openFile: () => Promise<FileHandle>): Promise<LogFile> {
    const handle = await openLookedUp(place.path, place.lookUp, openFile);
    try {
      const info = await place.lookUp(place.path, () => handle.stat({ bigint: true }));
      if (!info.isFile()) throw notRegular(place.path, "something that is not a regular file");
      return new LogFile(place, handle, identityOf(info));
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Removes it from its directory if it is empty and has not been replaced. */
  async removeIfEmpty(): Promise<void> {
    const { path, lookUp } = this.#place;
    await lookUp(path, async () => {
      const there = await lstat(path, { bigint: true }).catch(ignoreMissing);
      if (there === undefined || identityOf(there) !== this.identity || there.size > 0n) return;
      await unlink(path).catch(ignoreMissing);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.handle.close();
  }
}

/** The path at which a log is created that will replace another one. */
export function nextPathOf(path: string): string {
  return `${path}.tmp`;
}

/**
 * The identity of the existing log; undefined if there is none. Throws RuntimeError FailedPrecondition if it
 * is not a regular file.
 */
export async function identityAt({ path, lookUp }: LogPlace): Promise<FileIdentity | undefined> {
  const info = await lookUp(path, () => lstat(path, { bigint: true }).catch(ignoreMissing));
  if (info === undefined) return undefined;
  if (info.isFile()) return identityOf(info);
  throw notRegular(path, info.isSymbolicLink() ? "a symbolic link" : "something that is not a regular file");
}

export function identityOf({ dev, ino }: { readonly dev: bigint; readonly ino: bigint }): FileIdentity {
  return `${dev}:${ino}`;
}

async function makeFile(path: string): Promise<FileHandle> {
  const handle = await open(path, writing | constants.O_CREAT | constants.O_EXCL, logMode);
  try {
    // Independently of the daemon's umask.
    await handle.chmod(logMode);
    return handle;
  } catch (error) {
    // Node ends the process if a handle is garbage-collected without being closed.
    await handle.close();
    throw error;
  }
}

function notRegular(path: string, what: string): RuntimeError {
  return new RuntimeError(
    "FailedPrecondition",
    `log ${JSON.stringify(path)}: refusing to write to ${what}; remove it`,
  );
}

function failure(what: string, cause: unknown): unknown {
  if (!(cause instanceof Error) || !("errno" in cause)) return cause;
  if (isErrno(cause, "ENOENT"))
    return new RuntimeError("FailedPrecondition", `${what}: its directory is gone; recreate it`, { cause });
  return new RuntimeError(codeOf(cause), `${what}: cannot create a new file`, { cause });
}

/**
 * Offers an open log to conmon under a name in the bundle, which is private. conmon follows links, creates
 * missing files and truncates existing ones, so it must not open anything by a name in a directory that
 * others can write to. A link to `/proc` leads it to the very file that the daemon has open, wherever that
 * now is. Disposing removes the name.
 */
export function offerLog(file: LogFile, name: string): Disposable {
  const withdraw = () => rmSync(name, { force: true });
  withdraw();
  symlinkSync(`/proc/${process.pid}/fd/${file.handle.fd}`, name);
  return { [Symbol.dispose]: withdraw };
}

/** All files that a process has open. A hanging file system blocks this. */
export async function openFiles(pid: number): Promise<ReadonlySet<FileIdentity>> {
  const directory = `/proc/${pid}/fd`;
  const found = new Set<FileIdentity>();
  for (const name of (await readdir(directory).catch(ignoreMissing)) ?? []) {
    const info = await stat(`${directory}/${name}`, { bigint: true }).catch(ignoreMissing);
    if (info !== undefined) found.add(identityOf(info));
  }
  return found;
}
