import { BerthError } from "../errors/index.ts";

/** Thrown by this room itself: a socket that cannot be used, an unimplemented method, a canceled call. */
export class GrpcError extends BerthError {}
