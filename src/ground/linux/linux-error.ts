import { constants } from "node:os";
import { BerthError, codeOf, type ErrorCode } from "../errors/index.ts";

/** A failed system call. `errno` is a name, such as "ENOENT"; `subject` is the object of the call. */
export class LinuxError extends BerthError {
  readonly syscall: string;
  readonly errno: string;
  readonly subject: string;

  constructor(
    syscall: string,
    errno: string,
    subject: string,
    options?: { readonly code?: ErrorCode; readonly cause?: unknown; readonly remedy?: string },
  ) {
    const remedy = options?.remedy === undefined ? "" : `; ${options.remedy}`;
    super(options?.code ?? codeOfCall(errno), `${syscall} ${subject}: ${errno}${remedy}`, {
      cause: options?.cause,
    });
    this.syscall = syscall;
    this.errno = errno;
    this.subject = subject;
  }
}

/**
 * Whatever was thrown on the way; node:fs names call, errno and path as well. `call` is for what names none.
 */
export function asLinuxError(error: unknown, call: string): LinuxError {
  if (error instanceof LinuxError) return error;
  const { syscall = call, code = "EIO", path = String(error) } = error as NodeJS.ErrnoException;
  return new LinuxError(syscall, code, path);
}

const names = new Map([
  ...Object.entries(constants.errno).map(([name, number]) => [number, name] as const),
  // Not its second name, EWOULDBLOCK.
  [constants.errno.EAGAIN, "EAGAIN"],
  // Node has no names for these. nf_tables reports the first if rules have changed in the meantime.
  [85, "ERESTART"],
  // A file system that wants a block device.
  [15, "ENOTBLK"],
  // A damaged one.
  [117, "EUCLEAN"],
]);

/** The name of an error's number, such as "ENOENT". */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `errno ${errno}`;
}

function codeOfCall(errno: string): ErrorCode {
  if (errno === "ENOENT") return "NotFound";
  if (errno === "EEXIST") return "AlreadyExists";
  if (errno === "EPERM" || errno === "EACCES") return "PermissionDenied";
  if (errno === "ECONNREFUSED" || errno === "EHOSTUNREACH" || errno === "ENETUNREACH") return "Unavailable";
  return codeOf({ code: errno });
}
