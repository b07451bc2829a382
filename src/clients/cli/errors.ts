import { BerthError, type BerthErrorOptions, type ErrorCode } from "../../ground/errors/index.ts";
import { CriClientError, UnreachableError } from "../criclient/index.ts";

/**
 * The meaning of berth's exit statuses. `run`, `exec` and `attach` use the container's own status instead,
 * 126 and 127 for a command that cannot be run, and 125 for berth's own failures.
 */
export const exitCode = {
  ok: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  unreachable: 4,
  /** As in `docker run`; few commands use this exit status themselves. */
  ownFailure: 125,
  interrupted: 130,
  /** As of programs that SIGPIPE ends: nobody reads the rest of an archive. */
  brokenPipe: 141,
} as const;

/**
 * A failure that is reported to the user with a message. The exit status follows from the code unless
 * `exitCode` is given.
 */
export class CliError extends BerthError {
  readonly exitCode: number;

  constructor(
    code: ErrorCode,
    message: string,
    options: BerthErrorOptions & { readonly exitCode?: number } = {},
  ) {
    super(code, message, options);
    this.exitCode = options.exitCode ?? (code === "NotFound" ? exitCode.notFound : exitCode.failure);
  }
}

/** The error for an invalid argument. */
export function usageError(message: string): CliError {
  return new CliError("InvalidArgument", message, { exitCode: exitCode.usage });
}

/** Whether the message of a failure says everything that a user must know, without those of its causes. */
export function hasUserMessage(error: unknown): error is CliError | CriClientError {
  return error instanceof CliError || error instanceof CriClientError;
}

/** The exit status for a kind of failure. */
export function exitCodeOf(error: CliError | CriClientError): number {
  if (error instanceof CliError) return error.exitCode;
  if (error instanceof UnreachableError) return exitCode.unreachable;
  return error.code === "NotFound" ? exitCode.notFound : exitCode.failure;
}
