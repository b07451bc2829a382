import { BerthError } from "../../ground/errors/index.ts";

/** A failure of a pod's network; the message names the network, the plugin or the file. */
export class NetworkError extends BerthError {}
