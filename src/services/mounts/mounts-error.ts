import { BerthError } from "../../ground/errors/index.ts";

/**
 * Codes: InvalidArgument and Unimplemented (the request), AlreadyExists, NotFound, FailedPrecondition (a
 * program is missing or fails, or a mount is in use).
 */
export class MountsError extends BerthError {}
