import { BerthError } from "../../ground/errors/index.ts";

/** An image could not be pulled, imported or used. See {@link Images} for the codes. */
export class ImageError extends BerthError {}
