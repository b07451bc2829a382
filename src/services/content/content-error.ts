import { BerthError, codeOf, messageOf } from "../../ground/errors/index.ts";

/**
 * A blob or ingest that is not there, is wrong or cannot be written. Codes: NotFound, InvalidArgument,
 * DataLoss (bytes that are not what they should be), ResourceExhausted (disk full, or larger than asked for),
 * FailedPrecondition (a writer that was closed), Aborted (an ingest that was dropped under its writer),
 * Internal.
 */
export class ContentError extends BerthError {}

/** A file operation that failed while doing `step`. */
export function fileError(step: string, error: unknown): ContentError {
  if (error instanceof ContentError) return error;
  return new ContentError(codeOf(error), `${step}: ${messageOf(error)}`, { cause: error });
}
