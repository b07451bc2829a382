import { BerthError } from "../../ground/errors/index.ts";

/** A failure of OCI runtimes, their specifications, conmon or processes in containers. */
export class RuntimeError extends BerthError {}
