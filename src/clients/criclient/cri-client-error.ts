import { BerthError } from "../../ground/errors/index.ts";

/** An error from the endpoint, or about its objects; the message can be shown to users unchanged. */
export class CriClientError extends BerthError {}

/** The endpoint's socket cannot be reached: Unavailable or PermissionDenied. */
export class UnreachableError extends CriClientError {}
