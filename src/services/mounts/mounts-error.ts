import { BerthError } from "../../ground/errors/index.ts";

/**
 * Codes: InvalidArgument and Unimplemented for what was asked, AlreadyExists, NotFound, FailedPrecondition
 * for a program that is missing or fails, and for a mount that is in use.
 */
export class MountsError extends BerthError {}
