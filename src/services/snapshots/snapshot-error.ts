import { BerthError, codeOf } from "../../ground/errors/index.ts";

/**
 * A snapshot that could not be made, changed or removed. Codes as the methods of {@link "./snapshotter.ts"}
 * say.
 */
export class SnapshotError extends BerthError {}

/**
 * What went wrong on the way as an error of this room that says what could not be done; rooms' own errors
 * stay as they are.
 */
export function errorOf(error: unknown, message: string): BerthError {
  if (error instanceof BerthError) return error;
  return new SnapshotError(codeOf(error), message, { cause: error });
}
