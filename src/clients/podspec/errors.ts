import { BerthError } from "../../ground/errors/index.ts";

/** A pod that cannot be created as specified: something that it refers to is missing or impossible. */
export class PodSpecError extends BerthError {}
