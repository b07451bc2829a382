import { BerthError } from "../../ground/errors/index.ts";

/**
 * Codes: InvalidArgument (a specification, streams, mounts, runtime options), NotFound, AlreadyExists,
 * FailedPrecondition (to be deleted, and not stopped; a container without a specification; a cgroup of
 * others), Unimplemented; for a mount also what the kernel refused it with.
 */
export class TasksError extends BerthError {}
