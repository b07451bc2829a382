import { BerthError, nameLookupFailure } from "../../ground/errors/index.ts";

/** A streaming connection could not be made, or it ended without saying how the command did. */
export class StreamClientError extends BerthError {}

/** Of a streaming server that cannot be reached. */
export function unreachable({ host }: URL, cause: unknown): StreamClientError {
  const what = `connect to the streaming server at ${host}`;
  const lookup = nameLookupFailure(cause);
  if (lookup !== undefined) return new StreamClientError("Unavailable", `${what}: ${lookup}`);
  return new StreamClientError("Unavailable", what, { cause });
}
