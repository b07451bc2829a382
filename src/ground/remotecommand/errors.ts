import { BerthError } from "../errors/index.ts";

/** A WebSocket connection failed or carried what it must not. */
export class RemoteCommandError extends BerthError {}
