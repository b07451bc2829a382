import { BerthError } from "../../ground/errors/index.ts";

/** Thrown for requests that are not well formed. Code InvalidArgument. */
export class BerthServiceError extends BerthError {
  constructor(message: string) {
    super("InvalidArgument", message);
  }
}
