import { BerthError } from "../../ground/errors/index.ts";

/**
 * What the endpoint answered instead of a response, or what a look at its objects found; its message is for
 * the user as it is.
 */
export class CriClientError extends BerthError {}

/** Nobody could be reached at the endpoint's socket: Unavailable, or PermissionDenied. */
export class UnreachableError extends CriClientError {}
