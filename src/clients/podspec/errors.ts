import { BerthError } from "../../ground/errors/index.ts";

/** A pod that cannot be made as it is written: something that it refers to is not there, or not possible. */
export class PodSpecError extends BerthError {}
