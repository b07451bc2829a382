import type { ReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { isErrno } from "../../ground/fs/index.ts";
import { CliError } from "./errors.ts";

/** Errors of a file of this machine that a user has named, in words; every other error stays as it is. */
export function unreadable(path: string, cause: unknown): unknown {
  if (isErrno(cause, "ENOENT")) return new CliError("NotFound", `${path} not found`, { cause });
  if (isErrno(cause, "ENOTDIR"))
    return new CliError("NotFound", `${path} not found: a part of the path is not a directory`, { cause });
  if (isErrno(cause, "EACCES"))
    return new CliError("PermissionDenied", `${path} cannot be read: permission denied`, { cause });
  return cause;
}

/** The bytes of an archive, which nothing is asked for before it is open. Throws CliError. */
export async function openArchive(path: string): Promise<ReadStream> {
  const file = await open(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  if ((await file.stat()).isDirectory()) {
    await file.close();
    throw new CliError("InvalidArgument", `${path} is a directory, not an archive`);
  }
  return file.createReadStream({ highWaterMark: 1024 * 1024 });
}
