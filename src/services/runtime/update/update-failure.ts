import { hasCode, messageOf } from "../../../ground/errors/index.ts";
import { RuntimeError } from "../runtime-error.ts";

/**
 * What an OCI runtime's failure to update means. It tells the kernel's answer in words alone: EBUSY is a
 * limit below what is in use; EINVAL, ERANGE and EACCES are values that no such container can have (a CPU
 * that its parent has not got).
 */
export function updateFailure(cause: unknown): unknown {
  if (!hasCode(cause, "Internal")) return cause;
  const message = messageOf(cause);
  if (/resource busy/i.test(message))
    return new RuntimeError("FailedPrecondition", "resources: a limit is below the current usage", { cause });
  if (/invalid argument|out of range|permission denied/i.test(message))
    return new RuntimeError("InvalidArgument", "resources: the kernel rejects a limit", { cause });
  return cause;
}
