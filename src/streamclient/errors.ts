import { BerthError } from "../errors/index.ts";

/** A streaming connection could not be made, or it ended without saying how the command did. */
export class StreamClientError extends BerthError {}
