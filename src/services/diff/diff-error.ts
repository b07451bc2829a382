import { BerthError } from "../../ground/errors/index.ts";

/**
 * A layer could not be applied or written. Codes: InvalidArgument and Unimplemented (the request), DataLoss
 * (an invalid layer), FailedPrecondition (a change that layers cannot express), ResourceExhausted (a full
 * disk), Internal.
 */
export class DiffError extends BerthError {}
