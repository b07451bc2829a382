import { BerthError } from "../errors/index.ts";

/**
 * Thrown by the machinery of calls itself: a socket that cannot be had, a method that nobody serves, a call
 * that was canceled.
 */
export class GrpcError extends BerthError {}
