import { BerthError } from "../errors/index.ts";

/** A tree that cannot be walked or removed. Codes as the functions of this room say. */
export class TreeError extends BerthError {}
