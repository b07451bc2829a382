import { BerthError, type ErrorCode } from "../errors/index.ts";

/** A system call that failed. `errno` is its name, such as "ENOENT"; `subject` says on what the call worked. */
export class LinuxError extends BerthError {
  readonly syscall: string;
  readonly errno: string;
  readonly subject: string;

  constructor(
    syscall: string,
    errno: string,
    subject: string,
    options?: { readonly code?: ErrorCode; readonly cause?: unknown },
  ) {
    super(options?.code ?? codeOf(errno), `${syscall} ${subject}: ${errno}`, { cause: options?.cause });
    this.syscall = syscall;
    this.errno = errno;
    this.subject = subject;
  }
}

function codeOf(errno: string): ErrorCode {
  if (errno === "ENOENT") return "NotFound";
  if (errno === "EEXIST") return "AlreadyExists";
  if (errno === "EPERM" || errno === "EACCES") return "PermissionDenied";
  if (errno === "ENOSPC" || errno === "EDQUOT" || errno === "ENOMEM") return "ResourceExhausted";
  if (errno === "ECONNREFUSED" || errno === "EHOSTUNREACH" || errno === "ENETUNREACH") return "Unavailable";
  return "Internal";
}
