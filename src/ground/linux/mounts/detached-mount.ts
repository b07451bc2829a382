import { check, libcFunction } from "../libc.ts";

/** The same on every architecture that Node runs on. */
const SYS_fsmount = 432;
const FSMOUNT_CLOEXEC = 1;

const fsmountCall = libcFunction(
  "long syscall(long number, int fd, unsigned int flags, unsigned int attributes)",
);

/**
 * A descriptor of a mount, at no place yet, of a file system that was made by fsopen(2). `attributes` are
 * MOUNT_ATTR_*. Throws LinuxError.
 */
export function detachedMount(fs: number, attributes: number, subject: string): number {
  return check("fsmount", fsmountCall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attributes), subject);
}
