import { BerthError } from "../../ground/errors/index.ts";

/**
 * Codes: InvalidArgument (a specification, streams, runtime options), NotFound, AlreadyExists,
 * FailedPrecondition (to be deleted, and not stopped; a container without a specification; a cgroup of
 * others), Unimplemented.
 */
export class TasksError extends BerthError {}
