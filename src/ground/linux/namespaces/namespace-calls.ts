import { closeSync, constants, openSync } from "node:fs";
import { check, libcFunction } from "../libc.ts";
import type { PinnedNamespace, ThreadNamespace } from "./pod-namespaces.ts";

const unshareCall = libcFunction("int unshare(int flags)");
const setnsCall = libcFunction("int setns(int fd, int type)");
const openCall = libcFunction("int open(const char *path, int flags)");

const cloneFlags: Readonly<Record<ThreadNamespace, number>> = {
  net: 0x40000000,
  ipc: 0x08000000,
  uts: 0x04000000,
};

export const namespaceKinds: readonly ThreadNamespace[] = ["net", "ipc", "uts"];

/**
 * The file of a process's or the calling thread's namespace. (/proc/self would be that of the process's first
 * thread.)
 */
export function namespaceFile(of: number | "thread-self", kind: PinnedNamespace): string {
  return `/proc/${of}/ns/${kind}`;
}

/** Moves the calling thread into new namespaces. Throws LinuxError. */
export function unshareNamespaces(kinds: readonly ThreadNamespace[]): void {
  const flags = kinds.reduce((sum, kind) => sum | cloneFlags[kind], 0);
  check("unshare", unshareCall(flags), kinds.join(","));
}

const O_CLOEXEC = 0o2000000;

/**
 * Opens a namespace with libc, since a thread closes the files that it opened with `node:fs` when it ends.
 * Throws LinuxError.
 */
export function openNamespace(path: string): number {
  return check("open", openCall(path, constants.O_RDONLY | O_CLOEXEC), path);
}

/** Moves the calling thread into the namespace behind an open descriptor. Throws LinuxError. */
export function enterNamespace(fd: number, kind: ThreadNamespace): void {
  check("setns", setnsCall(fd, cloneFlags[kind]), `${kind} namespace`);
}

/**
 * Moves the calling thread into the namespace whose file or pin is at `path`. Throws LinuxError or what
 * opening it throws.
 */
export function enterNamespaceAt(path: string, kind: ThreadNamespace): void {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    enterNamespace(fd, kind);
  } finally {
    closeSync(fd);
  }
}
