import { readdir, rm, stat, symlink } from "node:fs/promises";
import { ignoreMissing } from "../../../ground/fs/index.ts";
import { type FileIdentity, identityOf, type LogFile } from "./log-file.ts";

/**
 * A log that lies open for conmon to take, at a name in the bundle, which is private. conmon follows links,
 * makes what is not there and empties what is, so it must not open anything by a name in a directory that
 * others write to: a link of `/proc` leads it to the very file that the daemon has open, wherever that is by
 * now. Disposing of it takes the name away.
 */
export async function offerLog(file: LogFile, name: string): Promise<AsyncDisposable> {
  await rm(name, { force: true });
  await symlink(`/proc/${process.pid}/fd/${file.handle.fd}`, name);
  return { [Symbol.asyncDispose]: () => rm(name, { force: true }) };
}

/** All files that a process has open. A file system that hangs holds this up. */
export async function openFiles(pid: number): Promise<ReadonlySet<FileIdentity>> {
  const directory = `/proc/${pid}/fd`;
  const found = new Set<FileIdentity>();
  for (const name of (await readdir(directory).catch(ignoreMissing)) ?? []) {
    const info = await stat(`${directory}/${name}`, { bigint: true }).catch(ignoreMissing);
    if (info !== undefined) found.add(identityOf(info));
  }
  return found;
}
