import { BerthError, codeOf } from "../../ground/errors/index.ts";

/**
 * A snapshot could not be created, changed or removed. Codes: see the methods in {@link "./snapshotter.ts"}.
 */
export class SnapshotError extends BerthError {}

/**
 * Turns a failure into an error of this room, with what could not be done in `message`; errors of rooms stay
 * as they are.
 */
export function errorOf(error: unknown, message: string): BerthError {
  if (error instanceof BerthError) return error;
  return new SnapshotError(codeOf(error), message, { cause: error });
}
