import { callAsync, check, libcFunction } from "../libc.ts";
import { LinuxError } from "../linux-error.ts";

const mountCall = libcFunction(
  "int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)",
);
const umountCall = libcFunction("int umount2(const char *target, int flags)");

const MNT_FORCE = 1;
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;

/**
 * The arguments of mount(2). `flags` is a sum of {@link "./mount-flags.ts"}'s; `data` is the file system's
 * own, at most a page.
 */
export type MountRequest = {
  readonly source: string;
  readonly target: string;
  readonly type: string;
  readonly flags?: number;
  readonly data?: string;
};

/** mount(2) on the thread pool. Throws {@link LinuxError}. */
export async function mount({ source, target, type, flags = 0, data = "" }: MountRequest): Promise<void> {
  await callAsync("mount", mountCall, [source, target, type, flags, data], `${source} on ${target}`);
}

/**
 * umount2(2) of the topmost mount at `target`; symbolic links are not followed. `detach` removes it at once,
 * and the kernel finishes when it is no longer busy; with `missingOk`, it is not an error if nothing is
 * mounted there. Throws {@link LinuxError}.
 */
export async function unmount(target: string, options: UnmountOptions = {}): Promise<void> {
  try {
    await callAsync("umount", umountCall, [target, flagsOf(options)], target);
  } catch (error) {
    if (options.missingOk && error instanceof LinuxError && isNotMounted(error.errno)) return;
    throw error;
  }
}

export type UnmountOptions = {
  readonly detach?: boolean;
  readonly force?: boolean;
  readonly missingOk?: boolean;
};

/** Like {@link unmount}, on the calling thread, for workers. */
export function unmountNow(target: string, options: UnmountOptions = {}): void {
  try {
    check("umount", umountCall(target, flagsOf(options)), target);
  } catch (error) {
    if (options.missingOk && error instanceof LinuxError && isNotMounted(error.errno)) return;
    throw error;
  }
}

function flagsOf({ detach = false, force = false }: UnmountOptions): number {
  return UMOUNT_NOFOLLOW | (detach ? MNT_DETACH : 0) | (force ? MNT_FORCE : 0);
}

/** umount2 returns EINVAL for a path that exists but is not a mount point. */
function isNotMounted(errno: string): boolean {
  return errno === "EINVAL" || errno === "ENOENT";
}
