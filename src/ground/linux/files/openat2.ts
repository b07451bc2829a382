import { libcFunction } from "../libc.ts";

/** openat2(2), since Linux 5.6, through `syscall`: libc has no function for it. */
export const openat2 = libcFunction(
  "long syscall(long number, int directory, const uint8_t *path, const uint8_t *how, size_t size)",
);

/** The same on every architecture, as all calls newer than 2019. */
export const SYS_openat2 = 437;

/** How the names of a path are followed. */
export const resolve = {
  noXdev: 0x01,
  noMagicLinks: 0x02,
  noSymlinks: 0x04,
  beneath: 0x08,
  inRoot: 0x10,
} as const;

/** struct open_how: flags, mode, resolve. */
export function openHow(flags: number, resolveFlags: number): Uint8Array {
  return new Uint8Array(new BigUint64Array([BigInt(flags), 0n, BigInt(resolveFlags)]).buffer);
}
