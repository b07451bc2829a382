import { BerthError } from "../../ground/errors/index.ts";

/** A streaming request or connection failed. */
export class StreamingError extends BerthError {}
