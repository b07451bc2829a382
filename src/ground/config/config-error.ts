import { BerthError } from "../errors/index.ts";

/**
 * A configuration that cannot be used. The message has one line for each problem, all at once. Code
 * InvalidArgument, or NotFound for a file that is not there.
 */
export class ConfigError extends BerthError {}
