import { BerthError } from "../../ground/errors/index.ts";
import type { KeptRoomError } from "../../ground/fs/index.ts";

/** An image could not be pulled, imported or used. See {@link Images} for the codes. */
export class ImageError extends BerthError {}

/** What was fetched of a layer is wrong, and mirrors sent some of it that need not be asked. */
export class MirrorError extends ImageError {}

/** `what` would take the room that the configuration keeps free. */
export function noRoomError(what: string, { message }: KeptRoomError): ImageError {
  return new ImageError(
    "ResourceExhausted",
    `${what} is too large for this machine: ${message} (images.min_free_percent); remove images, or lower that key`,
  );
}
