import { BerthError } from "../../ground/errors/index.ts";

/**
 * A checkpoint cannot be written or read. Codes: InvalidArgument (not a checkpoint, or one that is not
 * allowed), ResourceExhausted (disk full), Internal.
 */
export class CheckpointError extends BerthError {}
