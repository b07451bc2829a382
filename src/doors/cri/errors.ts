import { BerthError } from "../../ground/errors/index.ts";

/**
 * Thrown by the door itself: InvalidArgument for a request that is refused, Unknown where a kubelet wants
 * that.
 */
export class CriError extends BerthError {}
