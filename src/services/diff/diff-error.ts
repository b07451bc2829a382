import { BerthError } from "../../ground/errors/index.ts";

/**
 * A layer that could not be applied or written: InvalidArgument and Unimplemented for what was asked,
 * DataLoss for a layer that is none, FailedPrecondition for what no layer can say, ResourceExhausted for a
 * full disk, Internal.
 */
export class DiffError extends BerthError {}
