import { BerthError } from "../../ground/errors/index.ts";

/** An archive that is not well-formed (InvalidArgument), or is cut (DataLoss). */
export class TarError extends BerthError {}

export function invalid(message: string): TarError {
  return new TarError("InvalidArgument", message);
}
