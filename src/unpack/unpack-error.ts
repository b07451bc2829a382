import { BerthError } from "../errors/index.ts";

/**
 * A layer that could not be applied. Codes: DataLoss (truncated, corrupt, wrong digest or size), InvalidArgument (an archive
 * that is not what layer.md allows), ResourceExhausted (disk full, or larger than allowed), Internal (a system call failed).
 */
export class UnpackError extends BerthError {}
