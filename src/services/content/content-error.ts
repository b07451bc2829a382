import { BerthError, codeOf, messageOf } from "../../ground/errors/index.ts";

/**
 * A blob or ingest that does not exist, is wrong or cannot be written. Codes: NotFound, InvalidArgument,
 * DataLoss (bytes that are not what they should be), ResourceExhausted (disk full, or larger than asked for),
 * FailedPrecondition (a closed writer), Aborted (an ingest that was dropped while its writer had it open),
 * Internal.
 */
export class ContentError extends BerthError {}

/** The error of a file operation that failed during `step`. */
export function fileError(step: string, error: unknown): ContentError {
  if (error instanceof ContentError) return error;
  return new ContentError(codeOf(error), `${step}: ${messageOf(error)}`, { cause: error });
}
