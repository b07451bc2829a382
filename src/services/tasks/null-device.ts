import type { HandlerTable, OciSpec } from "../runtime/index.ts";
import type { NamedStreams } from "./named-streams.ts";
import { TasksError } from "./tasks-error.ts";

type Linux = Pick<OciSpec["linux"], "uidMappings" | "gidMappings">;

/** Whether root of the container is another user on this machine. */
export function isMapped({ uidMappings = [], gidMappings = [] }: Linux): boolean {
  return uidMappings.length > 0 || gidMappings.length > 0;
}

/**
 * Rejects a task whose OCI runtime would change the owner of the machine's null device to root of the
 * container's user namespace: crun (1.8.1) gives that root its standard streams, and conmon uses the null
 * device for those of a process with a terminal. runc leaves the device alone. Throws TasksError
 * FailedPrecondition.
 */
export function checkNullDevice(
  id: string,
  linux: Linux,
  { terminal }: NamedStreams,
  handler: HandlerTable["handlers"][number] | undefined,
): void {
  if (!terminal || handler?.type !== "crun" || !isMapped(linux)) return;
  throw new TasksError(
    "FailedPrecondition",
    `container ${id} has a user namespace and a terminal: crun would change the owner of the machine's /dev/null to the namespace's root; run it without a terminal, or with runc (BinaryName in the runtime's options)`,
  );
}
