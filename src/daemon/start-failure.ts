import { BerthError, messageOf } from "../ground/errors/index.ts";

/** What an operator can do, by the errno of a failed system call. */
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

const remedyOfRoot =
  "root may not do this there: look for attributes of the file (lsattr), a security module's denials (dmesg), and a network file system";

/**
 * What berthd prints when it cannot start. Failed system calls and other errors that the operator can correct
 * have no stack, but a remedy. `uid` is the daemon's own.
 */
export function startFailure(thrown: unknown, uid = process.geteuid?.()): string {
  // When something that was opened cannot be closed either.
  const error = thrown instanceof SuppressedError ? firstOf(thrown) : thrown;
  const message = messageOf(error);
  const errors = [...chainOf(error)];
  const errno = errors.map(errnoOf).find((found) => found !== undefined);
  const isMachines = errno !== undefined || error instanceof BerthError || isSystemError(error);
  if (!isMachines) return error instanceof Error ? (error.stack ?? message) : message;
  if (errno === undefined || errors.some(hasRemedy)) return message;
  const isForbidden = errno === "EACCES" || errno === "EPERM";
  return `${message}; ${isForbidden && uid === 0 ? remedyOfRoot : remedies[errno]}`;
}

function firstOf({ suppressed }: SuppressedError): unknown {
  return suppressed instanceof SuppressedError ? firstOf(suppressed) : suppressed;
}

/** An error and its causes. */
function* chainOf(error: unknown): Generator<Error> {
  for (let each = error; each instanceof Error; each = each.cause) yield each;
}

/**
 * An errno that has a remedy. Errors of threads have it only in their text: as Node writes it at the end of a
 * worker that did not start, and as berth's own errors quote a failed system call.
 */
function errnoOf(error: Error): string | undefined {
  const { code, errno } = error as { readonly code?: unknown; readonly errno?: unknown };
  const inText =
    error instanceof BerthError
      ? error.message.match(/: (E[A-Z]+)(?=$|[:;])/)
      : error.message.match(/^Worker initialization failure: (E[A-Z]+)$/);
  return [code, errno, inText?.[1]].find(
    (name): name is string => typeof name === "string" && Object.hasOwn(remedies, name),
  );
}

/** Berth's own errors have it behind a semicolon. */
function hasRemedy(error: Error): boolean {
  return error instanceof BerthError && error.message.includes("; ");
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}
