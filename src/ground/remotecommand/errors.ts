import { BerthError } from "../errors/index.ts";

/** A WebSocket connection failed, or the peer broke the protocol. */
export class RemoteCommandError extends BerthError {}
