import { rm, symlink, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { isErrno } from "../../../ground/fs/index.ts";
import { bindMount, unmount } from "../../../ground/linux/index.ts";
import { RuntimeError } from "../runtime-error.ts";
import type { LogFile } from "./log-file.ts";
import { isInOurMountNamespace } from "./mount-namespace.ts";

/** Two names in a bundle; see {@link "./task-files.ts"}. */
export type HeldPlace = { readonly nextLog: string; readonly heldLog: string };

/**
 * Puts the next log where a running conmon opens it. If conmon found nothing to open, it would end, and with
 * it the container's output. So the log is held by a mount, which stays if the daemon is killed before conmon
 * has opened the log. conmon renames what it has opened, and a mount point cannot be renamed, so it is given
 * a link to the mount. An earlier log that conmon has not opened is replaced atomically, by mounting over it.
 * Throws RuntimeError FailedPrecondition if conmon would not see the mount; LinuxError.
 */
export async function holdLog(
  file: LogFile,
  { nextLog, heldLog }: HeldPlace,
  monitorPid: number,
): Promise<void> {
  if (!(await isInOurMountNamespace(monitorPid)))
    throw new RuntimeError(
      "FailedPrecondition",
      "reopen log: berthd has been started in another mount namespace than the container's conmon; restart berthd in the host's, or the container",
    );
  await writeFile(heldLog, "", { flag: "wx", mode: 0o600 }).catch(ignoreExisting);
  await bindMount(`/proc/self/fd/${file.handle.fd}`, heldLog);
  await symlink(basename(heldLog), nextLog).catch(ignoreExisting);
}

/** Removes the mount, once conmon has the log. */
export async function releaseLog({ heldLog }: HeldPlace): Promise<void> {
  await unmountHeldLog(heldLog);
  await rm(heldLog, { force: true });
}

/** Unmounts all mounts there, which may be stacked. Throws LinuxError. */
export async function unmountHeldLog(heldLog: string): Promise<void> {
  try {
    for (;;) await unmount(heldLog, { detach: true });
  } catch (error) {
    // The last one was unmounted.
    if (!isErrno(error, "EINVAL", "ENOENT")) throw error;
  }
}

function ignoreExisting(error: unknown): void {
  if (!isErrno(error, "EEXIST")) throw error;
}
