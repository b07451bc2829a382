import { BerthError } from "../../ground/errors/index.ts";

/** Codes: NotFound, InvalidArgument, AlreadyExists. */
export class ImageFilesError extends BerthError {}
