import { type BigIntStats, lstatSync, readdirSync } from "node:fs";
import { check, libcFunction } from "../libc.ts";
import { cString, fromByteString } from "./files-names.ts";

/**
 * Calls on one name in an open directory, which never follow a symbolic link of that name. Names are byte
 * strings (`files-names.ts`); descriptors come from `files-open.ts`. All are synchronous, for worker threads,
 * and throw LinuxError.
 */
const mkdirat = libcFunction("int mkdirat(int directory, const uint8_t *name, uint32_t mode)");
const symlinkat = libcFunction("int symlinkat(const uint8_t *target, int directory, const uint8_t *name)");
const linkat = libcFunction(
  "int linkat(int fromDirectory, const uint8_t *from, int directory, const uint8_t *name, int flags)",
);
const mknodat = libcFunction(
  "int mknodat(int directory, const uint8_t *name, uint32_t mode, uint64_t device)",
);
const unlinkat = libcFunction("int unlinkat(int directory, const uint8_t *name, int flags)");
const readlinkat = libcFunction(
  "intptr_t readlinkat(int directory, const uint8_t *name, _Out_ uint8_t *target, size_t size)",
);
const fchownat = libcFunction(
  "int fchownat(int directory, const uint8_t *name, uint32_t uid, uint32_t gid, int flags)",
);
const fchmodat = libcFunction("int fchmodat(int directory, const uint8_t *name, uint32_t mode, int flags)");
const utimensat = libcFunction(
  "int utimensat(int directory, const uint8_t *name, const int64_t *times, int flags)",
);

const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_REMOVEDIR = 0x200;
const maxPathBytes = 4096;

/**
 * A point in time: whole seconds since the epoch, negative before it, and 0 to 999,999,999 nanoseconds after
 * them.
 */
export type Timestamp = { readonly seconds: number; readonly nanoseconds: number };

function checked(call: string, result: number, name: string): number {
  return result === -1 ? check(call, result, fromByteString(name)) : result;
}

/** mkdirat(2), with mode 0700: the mode comes with {@link chmodAt}, which the umask does not touch. */
export function makeDirectoryAt(directory: number, name: string): void {
  checked("mkdir", mkdirat(directory, cString(name), 0o700), name);
}

/** symlinkat(2). */
export function symlinkAt(target: string, directory: number, name: string): void {
  checked("symlink", symlinkat(cString(target), directory, cString(name)), name);
}

/** linkat(2) to a name in an open directory; a symbolic link there is linked itself. */
export function linkAt(
  from: { readonly directory: number; readonly name: string },
  directory: number,
  name: string,
): void {
  checked("link", linkat(from.directory, cString(from.name), directory, cString(name), 0), name);
}

/**
 * mknodat(2). `mode` is the file type (S_IFCHR, S_IFBLK, S_IFIFO) and the permissions; `device` comes from
 * {@link deviceNumber}.
 */
export function makeNodeAt(directory: number, name: string, mode: number, device: number): void {
  checked("mknod", mknodat(directory, cString(name), mode, device), name);
}

/** The kernel's 32-bit number of a device: 12 bits of major and 20 of minor. */
export function deviceNumber(major: number, minor: number): number {
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;
}

/** unlinkat(2): a file, or with `directory` an empty directory. */
export function unlinkAt(
  directory: number,
  name: string,
  options: { readonly directory?: boolean } = {},
): void {
  checked("unlink", unlinkat(directory, cString(name), options.directory ? AT_REMOVEDIR : 0), name);
}

/** Target of a symbolic link. */
export function readlinkAt(directory: number, name: string): string {
  const target = Buffer.alloc(maxPathBytes);
  const length = checked(
    "readlink",
    Number(readlinkat(directory, cString(name), target, target.length)),
    name,
  );
  return target.toString("latin1", 0, length);
}

/** fchownat(2). It clears setuid, setgid and file capabilities, so it goes before chmod and xattrs. */
export function chownAt(
  directory: number,
  name: string,
  owner: { readonly uid: number; readonly gid: number },
): void {
  checked("chown", fchownat(directory, cString(name), owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW), name);
}

/**
 * fchmodat(2), which glibc implements with several calls. Symbolic links have no mode on Linux: EOPNOTSUPP.
 */
export function chmodAt(directory: number, name: string, mode: number): void {
  checked("chmod", fchmodat(directory, cString(name), mode & 0o7777, AT_SYMLINK_NOFOLLOW), name);
}

/** utimensat(2), with `time` for both access and modification. */
export function setTimesAt(directory: number, name: string, time: Timestamp): void {
  const pair = [BigInt(time.seconds), BigInt(time.nanoseconds)];
  const times = new BigInt64Array([...pair, ...pair].map((part) => part ?? 0n));
  checked("utimensat", utimensat(directory, cString(name), times, AT_SYMLINK_NOFOLLOW), name);
}

/**
 * What lies at a name, not following a symbolic link; undefined if nothing does. Throws Node's own errors.
 */
export function statAt(directory: number, name: string): BigIntStats | undefined {
  return lstatSync(pathAt(directory, name), { bigint: true, throwIfNoEntry: false });
}

/**
 * Names in the directory at `name` (`.` for `directory` itself), which must be one. Throws Node's own errors.
 */
export function listAt(directory: number, name: string): readonly string[] {
  return readdirSync(pathAt(directory, name), { encoding: "latin1" });
}

/**
 * A path to a name in an open directory for calls that have no variant with a descriptor; only the name
 * itself is not followed.
 */
export function pathAt(directory: number, name: string): Buffer {
  return Buffer.from(`/proc/self/fd/${directory}/${name}`, "latin1");
}
