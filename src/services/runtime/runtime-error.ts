import { BerthError } from "../../ground/errors/index.ts";

/** What goes wrong with OCI runtimes, their specifications, conmon and processes in containers. */
export class RuntimeError extends BerthError {}
