/**
 * What berth asks of the kernel: mounts, namespaces, processes and signals, and what kind of host this is. The only room
 * that makes system calls itself (through koffi); everything here is a typed function or class over one kernel facility,
 * and failures are {@link LinuxError}s with call, errno and object.
 *
 * Terms: a *pin* is a bind mount of /proc/.../ns/KIND that keeps a namespace alive without a process; the *namespace
 * thread* is the one thread that leaves the host's namespaces, for the length of one job; the *poll thread* holds
 * descriptors that Node's sockets cannot hold, and makes streams of them.
 *
 * It must not know of pods' configuration, images or networks, keep state of its own, or move the main thread or libuv's
 * pool into another namespace.
 */
export { type BindMountOptions, bindMount } from "./bind-mount.ts";
export {
  capabilityMask,
  capabilityNames,
  type ProcessCapabilities,
  processCapabilities,
} from "./capabilities.ts";
export {
  type CgroupLayout,
  cgroupLayout,
  cgroupsAreDelegated,
  delegatesCgroups,
  type V1Hierarchies,
  type V2Hierarchy,
} from "./cgroup-layout.ts";
export { CgroupOptions } from "./cgroup-options.ts";
export { connectInNamespace, type NamespaceAddress } from "./connect-in-namespace.ts";
export { cpuSharesOf, cpuWeightOf } from "./cpu-weight.ts";
export { lockDirectory } from "./directory-lock.ts";
export { exitAtOnce } from "./exit.ts";
export {
  chmodAt,
  chownAt,
  deviceNumber,
  linkAt,
  listAt,
  makeDirectoryAt,
  makeNodeAt,
  pathAt,
  readlinkAt,
  setTimesAt,
  statAt,
  symlinkAt,
  type Timestamp,
  unlinkAt,
} from "./files-at.ts";
export { copyFile } from "./files-copy.ts";
export { fromByteString, toByteString } from "./files-names.ts";
export {
  closeFile,
  createFileAt,
  openDirectory,
  openDirectoryBeneath,
  openDirectoryWithin,
  openFileAt,
  openParent,
} from "./files-open.ts";
export { syncFileSystem } from "./files-sync.ts";
export { getXattrAt, listXattrsAt, setXattrAt } from "./files-xattr.ts";
export { trimMemory } from "./free-memory.ts";
export { hostIdOf, type IdMapping, type IdMappings, idMappingsOf } from "./id-mappings.ts";
export { isAtLeast, type KernelRelease, kernelRelease } from "./kernel-release.ts";
export { LinuxError } from "./linux-error.ts";
export { mountMappedSnapshot, type SnapshotMapping } from "./mapped-snapshot.ts";
export { type MountRequest, mount, unmount } from "./mount.ts";
export { mountFlags, type Propagation } from "./mount-flags.ts";
export { type MountInfo, mountInfo, mountOf, mountPropagationOf, parseMountInfo } from "./mount-info.ts";
export { NamespaceHolder } from "./namespace-holder.ts";
export { isNamespacePin } from "./namespace-pin.ts";
export { NamespaceThread } from "./namespace-thread.ts";
export type { InterfaceCounters } from "./network-counters.ts";
export { sendDatagram } from "./notify-socket.ts";
export { readPackets } from "./packets.ts";
export type { PinnedNamespace, PodNamespaces, PodNamespacesRequest } from "./pod-namespaces.ts";
export { type ConsoleSocket, PollThread } from "./poll-thread.ts";
export {
  childrenOf,
  descendsFrom,
  hasExecuted,
  isAlive,
  killProcessTree,
  parentOf,
  processGroup,
  processGroupOf,
  processStartTime,
  processTree,
  zombieExitCode,
} from "./process.ts";
export { resolveInRoot } from "./resolve-in-root.ts";
export { forbidFileWrites } from "./resource-limits.ts";
export { sealedProgram } from "./sealed-file.ts";
export { signalName, signalNumber } from "./signals.ts";
export { describeMount, mountSnapshot, type SnapshotMount } from "./snapshot-mount.ts";
export { type SpawnOptions, type StdioChoice, type Subprocess, spawn } from "./spawn.ts";
export { interfaceOfSysctl } from "./sysctl.ts";
export type { Terminal } from "./terminal.ts";
export { unpinNamespaces } from "./unpin-namespaces.ts";
export { unreadBytes } from "./unread-bytes.ts";
