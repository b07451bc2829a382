import { BerthError, type ErrorCode } from "../errors/index.ts";

/** A tree that cannot be walked or removed. Codes as the functions of this room say. */
export class TreeError extends BerthError {}

/** The code of whatever else is thrown on the way. */
export function codeOfError(error: unknown): ErrorCode {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "ENOSPC" || code === "EDQUOT" || code === "EMFILE" ? "ResourceExhausted" : "Internal";
}
