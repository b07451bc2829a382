import { BerthError } from "../../ground/errors/index.ts";
import type { KeptRoomError } from "../../ground/fs/index.ts";

/** An image could not be pulled, imported or used. See {@link Images} for the codes. */
export class ImageError extends BerthError {}

/** Fetched bytes of a layer are wrong, and came partly from mirrors, which need not be asked again. */
export class MirrorError extends ImageError {}

/** The error for something that would use the disk space that the configuration reserves. */
export function noRoomError(what: string, { message }: KeptRoomError): ImageError {
  return new ImageError(
    "ResourceExhausted",
    `${what} is too large for this machine: ${message} (images.min_free_percent); remove images, or lower that key`,
  );
}
