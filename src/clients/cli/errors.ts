import { BerthError, type BerthErrorOptions, type ErrorCode } from "../../ground/errors/index.ts";
import { CriClientError, UnreachableError } from "../criclient/index.ts";

/**
 * What berth's exit status says. `run`, `exec` and `attach` use the container's own status instead, 126 and
 * 127 for a command that cannot be run, and 125 for berth's failures.
 */
export const exitCode = {
  ok: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  unreachable: 4,
  /** As `docker run`: told apart from most exit statuses of commands. */
  ownFailure: 125,
  interrupted: 130,
} as const;

/** A failure told to the user in words. `exitCode` follows from the code unless it is given. */
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

/** An argument that cannot be understood. */
export function usageError(message: string): CliError {
  return new CliError("InvalidArgument", message, { exitCode: exitCode.usage });
}

/** Failures whose message says all that a user has to know, without those of its causes. */
export function isWorded(error: unknown): error is CliError | CriClientError {
  return error instanceof CliError || error instanceof CriClientError;
}

/** The exit status that says what kind of failure it is. */
export function exitCodeOf(error: CliError | CriClientError): number {
  if (error instanceof CliError) return error.exitCode;
  if (error instanceof UnreachableError) return exitCode.unreachable;
  return error.code === "NotFound" ? exitCode.notFound : exitCode.failure;
}
