import { closeSync, existsSync, mkdirSync, openSync, rmdirSync, unlinkSync, writeFileSync } from "node:fs";
import { isErrno } from "../../fs/index.ts";
import { closeDescriptor } from "../files/descriptors.ts";
import { check, libcFunction } from "../libc.ts";
import { LinuxError } from "../linux-error.ts";
import { mountFlags } from "../mounts/mount-flags.ts";
import { asUser } from "../processes/process-calls.ts";
import { heldPath } from "./held-namespaces.ts";
import {
  enterNamespace,
  enterNamespaceAt,
  namespaceFile,
  namespaceKinds,
  openNamespace,
  unshareNamespaces,
} from "./namespace-calls.ts";
import {
  type NamespaceDescriptors,
  type PinnedNamespace,
  type PodNamespaces,
  type PodNamespacesJob,
  type PodNamespacesRequest,
  rootUidOf,
  type ThreadNamespace,
} from "./pod-namespaces.ts";
import { namespacedSysctls, type Sysctl } from "./sysctl.ts";

const mountCall = libcFunction(
  "int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)",
);
const umountCall = libcFunction("int umount2(const char *target, int flags)");
const sethostnameCall = libcFunction("int sethostname(const char *name, size_t length)");

const MNT_DETACH = 2;

/**
 * Creates and pins a pod's namespaces and leaves the calling thread inside them. Functions that remove the
 * pins are pushed to `undo` step by step; the caller runs them in reverse if this throws or the thread cannot
 * return.
 */
export function createPodNamespaces(request: PodNamespacesJob, undo: (() => void)[]): PodNamespaces {
  const sysctls = namespacedSysctls(request.sysctls, request);
  const kinds = namespaceKinds.filter((kind) => request[kind]);
  makeDirectory(request.directory, undo);
  const pinned: readonly PinnedNamespace[] = request.holderPid === undefined ? kinds : ["user", ...kinds];
  const files = enter(kinds, request);
  const pins = pinned.map((kind) => [kind, pin(files(kind), `${request.directory}/${kind}`, undo)]);
  if (request.hostname !== undefined) setHostname(request.hostname);
  if (request.net && request.held === undefined) bringLoopbackUp();
  for (const sysctl of sysctls) writeSysctl(sysctl, rootUidOf(request));
  return Object.fromEntries(pins);
}

/**
 * Creates namespaces of all kinds for a future pod, with the loopback interface up, leaves the calling thread
 * inside them, and returns descriptors of them, which the caller closes; `undo` as above.
 */
export function holdPodNamespaces(undo: (() => void)[]): NamespaceDescriptors {
  unshareNamespaces(namespaceKinds);
  bringLoopbackUp();
  const open = (kind: ThreadNamespace) => {
    const descriptor = openNamespace(namespaceFile("thread-self", kind));
    undo.push(() => closeDescriptor(descriptor));
    return descriptor;
  };
  return { net: open("net"), ipc: open("ipc"), uts: open("uts") };
}

/**
 * Moves the calling thread into new namespaces, or into those that are held for it; returns where their files
 * are.
 */
function enter(
  kinds: readonly ThreadNamespace[],
  { holderPid, held }: Pick<PodNamespacesJob, "holderPid" | "held">,
): (kind: PinnedNamespace) => string {
  if (held !== undefined) {
    for (const kind of kinds) enterNamespace(held[kind], kind);
    return (kind) => (kind === "user" ? namespaceFile("thread-self", kind) : heldPath(held[kind]));
  }
  if (holderPid === undefined) {
    unshareNamespaces(kinds);
    return (kind) => namespaceFile("thread-self", kind);
  }
  const ofHolder = (kind: PinnedNamespace) => namespaceFile(holderPid, kind);
  for (const kind of kinds) enterNamespaceAt(ofHolder(kind), kind);
  return ofHolder;
}

function makeDirectory(path: string, undo: (() => void)[]): void {
  if (mkdirSync(path, { recursive: true, mode: 0o700 }) !== undefined) undo.push(() => rmdirSync(path));
}

/** Opened with "wx": an existing file may be a running pod's pin. */
function pin(source: string, target: string, undo: (() => void)[]): string {
  closeSync(openSync(target, "wx", 0o600));
  undo.push(() => unlinkSync(target));
  check("mount", mountCall(source, target, "", mountFlags.bind, null), target);
  undo.push(() => check("umount", umountCall(target, MNT_DETACH), target));
  return target;
}

/** sethostname(2) in the calling thread's uts namespace. Throws LinuxError. */
function setHostname(hostname: string): void {
  check("sethostname", sethostnameCall(hostname, Buffer.byteLength(hostname)), hostname);
}

/**
 * `rootUid` is the host user of the root of the pod's user namespace, if it has one. Throws LinuxError
 * InvalidArgument.
 */
function writeSysctl({ parts, value }: Sysctl, rootUid: number | undefined): void {
  const path = `/proc/sys/${parts.join("/")}`;
  const write = () => writeFileSync(path, value);
  try {
    try {
      write();
    } catch (error) {
      // Since Linux 6.9, only the root of an IPC namespace can write its sysctls, not even the host's root.
      if (!isErrno(error, "EACCES") || rootUid === undefined) throw error;
      asUser(rootUid, write);
    }
  } catch (cause) {
    const { code = "EIO" } = cause as NodeJS.ErrnoException;
    throw new LinuxError("write", code, `${path}, value ${JSON.stringify(value)}`, {
      code: "InvalidArgument",
      cause,
    });
  }
}

const socketCall = libcFunction("int socket(int domain, int type, int protocol)");
const ioctlCall = libcFunction("int ioctl(int fd, unsigned long request, const uint8_t *argument)");

const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 0o2000002;
const SIOCSIFFLAGS = 0x8914;
const IFF_UP = 1;

/**
 * Brings `lo` up in the calling thread's network namespace (netdevice(7)), which also gives it 127.0.0.1 and
 * ::1.
 */
function bringLoopbackUp(): void {
  const request = Buffer.alloc(40);
  request.write("lo", 0, "latin1");
  request.writeInt16LE(IFF_UP, 16);
  const fd = check("socket", socketCall(AF_INET, SOCK_DGRAM_CLOEXEC, 0), "for ioctl");
  try {
    check("ioctl", ioctlCall(fd, SIOCSIFFLAGS, request), "lo: up");
  } finally {
    closeDescriptor(fd);
  }
}

/**
 * Enters a pod's pinned namespaces, leaves the calling thread there, and sets hostname and sysctls as at
 * their creation.
 */
export function resetPodNamespaces(request: PodNamespacesRequest): void {
  const sysctls = namespacedSysctls(request.sysctls, request);
  for (const kind of namespaceKinds) {
    const path = `${request.directory}/${kind}`;
    if (request[kind] && existsSync(path)) enterNamespaceAt(path, kind);
  }
  if (request.hostname !== undefined) setHostname(request.hostname);
  for (const sysctl of sysctls) writeSysctl(sysctl, rootUidOf(request));
}
