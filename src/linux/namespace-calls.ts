import { closeSync, constants, openSync } from "node:fs";
import { check, libcFunction } from "./libc.ts";
import type { PinnedNamespace } from "./pod-namespaces.ts";

const unshareCall = libcFunction("int unshare(int flags)");
const setnsCall = libcFunction("int setns(int fd, int type)");

const cloneFlags: Readonly<Record<PinnedNamespace, number>> = {
  net: 0x40000000,
  ipc: 0x08000000,
  uts: 0x04000000,
};

export const namespaceKinds: readonly PinnedNamespace[] = ["net", "ipc", "uts"];

/** The file of the calling thread's own namespace. (/proc/self would be that of the process's first thread.) */
export function ownNamespacePath(kind: PinnedNamespace): string {
  return `/proc/thread-self/ns/${kind}`;
}

/** Moves the calling thread into new namespaces. Throws LinuxError. */
export function unshareNamespaces(kinds: readonly PinnedNamespace[]): void {
  const flags = kinds.reduce((sum, kind) => sum | cloneFlags[kind], 0);
  check("unshare", unshareCall(flags), kinds.join(","));
}

/** Moves the calling thread into the namespace behind an open descriptor. Throws LinuxError. */
export function enterNamespace(fd: number, kind: PinnedNamespace): void {
  check("setns", setnsCall(fd, cloneFlags[kind]), `${kind} namespace`);
}

/** Moves the calling thread into the network namespace pinned at `path`. Throws LinuxError or what opening it throws. */
export function enterNetwork(path: string): void {
  enterPinned(path, "net");
}

/** The same for a namespace of any kind. */
export function enterPinned(path: string, kind: PinnedNamespace): void {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    enterNamespace(fd, kind);
  } finally {
    closeSync(fd);
  }
}
