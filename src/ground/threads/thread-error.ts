import { BerthError } from "../errors/index.ts";

/** A thread that the kernel refuses. */
export class ThreadError extends BerthError {}
