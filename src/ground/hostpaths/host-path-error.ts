import { BerthError } from "../errors/index.ts";

/** A path of somebody else's that does not answer (Unavailable). */
export class HostPathError extends BerthError {}
