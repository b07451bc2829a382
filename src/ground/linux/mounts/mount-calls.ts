import { check, libcFunction } from "../libc.ts";

/**
 * System calls for mounts that libc has no functions for. Their numbers are the same on every architecture
 * that Node runs on.
 */
export const SYS_move_mount = 429;
export const SYS_fsopen = 430;
export const SYS_fsconfig = 431;

/** move_mount(2). */
export const moveMountCall = libcFunction(
  "long syscall(long number, int fromFd, const char *from, int toFd, const char *to, unsigned int flags)",
);
/** fsopen(2). */
export const fsopenCall = libcFunction("long syscall(long number, const char *type, unsigned int flags)");
/** fsconfig(2). */
export const fsconfigCall = libcFunction(
  "long syscall(long number, int fd, unsigned int command, const char *key, const char *value, int aux)",
);

export const AT_FDCWD = -100;
export const MOVE_MOUNT_F_EMPTY_PATH = 4;
export const FSOPEN_CLOEXEC = 1;
export const FSCONFIG_SET_FLAG = 0;
export const FSCONFIG_SET_STRING = 1;
export const FSCONFIG_CMD_CREATE = 6;

/** The same on every architecture that Node runs on. */
const SYS_fsmount = 432;
const FSMOUNT_CLOEXEC = 1;

const fsmountCall = libcFunction(
  "long syscall(long number, int fd, unsigned int flags, unsigned int attributes)",
);

/**
 * fsmount(2): a descriptor of a mount, not yet attached anywhere, of a file system created with fsopen(2).
 * `attributes` are MOUNT_ATTR_*. Throws LinuxError.
 */
export function detachedMount(fs: number, attributes: number, subject: string): number {
  return check("fsmount", fsmountCall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attributes), subject);
}
