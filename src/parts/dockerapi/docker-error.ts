import { BerthError, type ErrorCode } from "../../ground/errors/index.ts";

/** What a Docker Engine refused, or that it could not be asked; the message begins with the request. */
export class DockerError extends BerthError {
  /** HTTP's; undefined where there was no answer. */
  readonly status: number | undefined;

  constructor(code: ErrorCode, message: string, options: { status?: number; cause?: unknown } = {}) {
    super(code, message, options);
    this.status = options.status;
  }
}

/** What an HTTP status of the engine means (Docker Engine API, "Errors"), with its message. */
export function codeOfStatus(status: number, message: string): ErrorCode {
  // 20.10's answer to the second of two that remove an image at once.
  if (status === 500 && message.startsWith("unrecognized image ID")) return "NotFound";
  return codes.get(status) ?? (status >= 500 ? "Internal" : "InvalidArgument");
}

const codes: ReadonlyMap<number, ErrorCode> = new Map([
  [401, "Unauthenticated"],
  [403, "PermissionDenied"],
  [404, "NotFound"],
  [409, "FailedPrecondition"],
  [501, "Unimplemented"],
  [503, "Unavailable"],
]);
