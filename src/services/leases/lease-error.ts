import { BerthError } from "../../ground/errors/index.ts";

/** Codes: NotFound, AlreadyExists (its id is taken). */
export class LeaseError extends BerthError {}
