import { BerthError } from "../../ground/errors/index.ts";

/** Figures that could not be read. */
export class StatsError extends BerthError {}
