import { BerthError } from "../../ground/errors/index.ts";

/**
 * What an EROFS image cannot hold: InvalidArgument for attributes that no file system has, ResourceExhausted
 * for more than the format has room for.
 */
export class ErofsError extends BerthError {}
