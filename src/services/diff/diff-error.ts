import { BerthError } from "../../ground/errors/index.ts";

/** Thrown by {@link "./differ.ts"}. */
export class DiffError extends BerthError {}
