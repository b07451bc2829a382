import { BerthError, messageOf } from "../ground/errors/index.ts";

/** What an operator can do, by the errno that an error names, its own or that of a thread. */
const remedies: Readonly<Record<string, string>> = {
  EMFILE: "raise the daemon's limit of open files (LimitNOFILE= of its unit, ulimit -n)",
  ENFILE: "raise the machine's limit of open files (sysctl fs.file-max)",
  ENOMEM: "free memory, or raise the limit of its cgroup (MemoryMax= of its unit)",
  EAGAIN: "raise the limit of tasks (TasksMax= of its unit, pids.max of its cgroup)",
  ENOSPC: "free some space there",
  EDQUOT: "free some space there, or raise the quota",
  EIO: "check the kernel's messages about the disk (dmesg)",
  EROFS: "find out why its file system is read-only (dmesg), and remount it writable",
  EACCES: "run berthd as root",
  EPERM: "run berthd as root",
};

/**
 * What berthd prints when it cannot start. Failed system calls and other errors that the operator can correct
 * have no stack, but a remedy.
 */
export function startFailure(thrown: unknown): string {
  // When something that was opened cannot be closed either.
  const error = thrown instanceof SuppressedError ? firstOf(thrown) : thrown;
  const message = messageOf(error);
  const errno = message.split(/\W+/).find((word) => Object.hasOwn(remedies, word));
  const isMachines = errno !== undefined || error instanceof BerthError || isSystemError(error);
  if (!isMachines) return error instanceof Error ? (error.stack ?? message) : message;
  // An error that has a remedy already has it behind a semicolon.
  return errno === undefined || message.includes("; ") ? message : `${message}; ${remedies[errno]}`;
}

function firstOf({ suppressed }: SuppressedError): unknown {
  return suppressed instanceof SuppressedError ? firstOf(suppressed) : suppressed;
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}
