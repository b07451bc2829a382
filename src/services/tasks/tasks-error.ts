import { BerthError } from "../../ground/errors/index.ts";

/**
 * Codes: InvalidArgument (specification, streams, mounts, runtime options), NotFound, AlreadyExists,
 * FailedPrecondition (deleting a running task; a container without a specification; another task's cgroup),
 * Unimplemented; for a mount, also that of the kernel's error.
 */
export class TasksError extends BerthError {}
