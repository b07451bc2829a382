import type { ReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { isErrno } from "../../ground/fs/index.ts";
import { CliError } from "./errors.ts";

/**
 * Translates the errors of opening a local file that the user named to CliError; other errors stay as they
 * are.
 */
export function unreadable(path: string, cause: unknown): unknown {
  if (isErrno(cause, "ENOENT")) return new CliError("NotFound", `${path} not found`, { cause });
  if (isErrno(cause, "ENOTDIR"))
    return new CliError("NotFound", `${path} not found: a part of the path is not a directory`, { cause });
  if (isErrno(cause, "EACCES"))
    return new CliError("PermissionDenied", `${path} cannot be read: permission denied`, { cause });
  if (isErrno(cause, "EISDIR"))
    return new CliError("InvalidArgument", `${path} is a directory, not a file`, { cause });
  return cause;
}

/** Opens an archive and returns its bytes. Called before any request to the daemon. Throws CliError. */
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
