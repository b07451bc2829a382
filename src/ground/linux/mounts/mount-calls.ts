import { libcFunction } from "../libc.ts";

/**
 * System calls of mounting that libc has no functions for. Their numbers are the same on every architecture
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
