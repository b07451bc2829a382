import { BerthError, codeOf, type ErrorCode } from "../../ground/errors/index.ts";
import { isErrno } from "../../ground/fs/index.ts";
import { LinuxError } from "../../ground/linux/index.ts";

/**
 * A layer that could not be applied. Codes: DataLoss (truncated, corrupt, wrong digest or size),
 * InvalidArgument (an archive that layer.md does not allow), ResourceExhausted (disk full, or larger than
 * allowed), and otherwise that of the failed system call.
 */
export class UnpackError extends BerthError {}

/** An archive that is malformed or not allowed. */
export function invalid(message: string, options?: { readonly cause?: unknown }): UnpackError {
  return new UnpackError("InvalidArgument", message, options);
}

/** Converts the error to one of this room that names the entry. */
export function entryError(entry: string, error: unknown): UnpackError {
  const about = `layer entry ${JSON.stringify(entry)}`;
  if (error instanceof UnpackError)
    return new UnpackError(error.code, `${about}: ${error.message}`, { cause: error.cause });
  return new UnpackError(codeOfEntry(error), `${about} cannot be written`, { cause: error });
}

/** Errors caused by the archive's contents, not by the host. */
const archiveErrnos = new Set(["EINVAL", "ENAMETOOLONG", "ELOOP", "ENOENT", "EFBIG", "ERANGE", "E2BIG"]);

function codeOfEntry(error: unknown): ErrorCode {
  if (error instanceof LinuxError) return archiveErrnos.has(error.errno) ? "InvalidArgument" : error.code;
  return isErrno(error, "EFBIG") ? "InvalidArgument" : codeOf(error);
}
