import { BerthError } from "../../ground/errors/index.ts";

/**
 * A difference that no layer can say, or that cannot be told from what was given. Code FailedPrecondition.
 */
export class LayerDiffError extends BerthError {
  constructor(message: string) {
    super("FailedPrecondition", message);
  }
}
