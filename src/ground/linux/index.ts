/**
 * Kernel interfaces: mounts, namespaces, processes, signals, and facts about the host. The only room that
 * makes system calls itself (through koffi); everything here is a typed function or class over one kernel
 * facility, and failures are {@link LinuxError}s with call, errno and object.
 *
 * Terms: a *pin* is a bind mount of /proc/.../ns/KIND that keeps a namespace alive without a process; the
 * *namespace thread* is the only thread that leaves the host's namespaces, for one job at a time; the *poll
 * thread* holds descriptors that Node's sockets do not support, and turns them into streams.
 *
 * It must not know pods' configuration, images or networks, keep state of its own, or move the main thread or
 * libuv's pool into another namespace.
 */

export {
  type CgroupLayout,
  cgroupLayout,
  cgroupsAreDelegated,
  delegatesCgroups,
  type V1Hierarchies,
  type V2Hierarchy,
} from "./cgroup-layout.ts";
export { CgroupOptions } from "./cgroup-options.ts";
export { cpuSharesOf, cpuWeightOf } from "./cpu-weight.ts";
export { SyncedFileSystem, syncFileSystem } from "./files/descriptors.ts";
export { lockDirectory } from "./files/directory-lock.ts";
export { lockFile } from "./files/file-lock.ts";
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
} from "./files/files-at.ts";
export { copyFile } from "./files/files-copy.ts";
export { setAttributes } from "./files/files-descriptors.ts";
export { fromByteString, toByteString } from "./files/files-names.ts";
export {
  closeFile,
  createFileAt,
  openBeneath,
  openDirectory,
  openDirectoryBeneath,
  openDirectoryWithin,
  openFileAt,
  openParent,
} from "./files/files-open.ts";
export { getXattrAt, listXattrsAt, setXattrAt } from "./files/files-xattr.ts";
export { resolveInRoot } from "./files/resolve-in-root.ts";
export { sealedProgram } from "./files/sealed-file.ts";
export { hintUnrelatedSubdirectories } from "./files/unrelated-subdirectories.ts";
export { enableVerity, type VerityState, verityState } from "./files/verity.ts";
export { giveBackFreeMemory } from "./free-memory.ts";
export { isAtLeast, type KernelRelease, kernelRelease } from "./kernel-release.ts";
export { LinuxError } from "./linux-error.ts";
export { type BindMountOptions, bindMount } from "./mounts/bind-mount.ts";
export {
  type DescribedMount,
  describeMount,
  mappedLayersSuffix,
  mountDescribed,
  type ReadMount,
  readDescribed,
} from "./mounts/described-mount.ts";
export { mountErofs } from "./mounts/erofs-mount.ts";
export { attachLoop, detachLoop } from "./mounts/loop-device.ts";
export { mountMappedSnapshot, type SnapshotMapping } from "./mounts/mapped-snapshot.ts";
export { type MountRequest, mount, unmount } from "./mounts/mount.ts";
export { mountFlags, type Propagation } from "./mounts/mount-flags.ts";
export {
  type MountInfo,
  mountInfo,
  mountOf,
  mountPropagationOf,
  parseMountInfo,
} from "./mounts/mount-info.ts";
export { mountsBelow, unmountBelow } from "./mounts/mounts-below.ts";
export { openNullDevice } from "./mounts/null-device.ts";
export { mountSnapshot, type SnapshotMount } from "./mounts/snapshot-mount.ts";
export { connectInNamespace, type NamespaceAddress } from "./namespaces/connect-in-namespace.ts";
export { HeldNamespaces } from "./namespaces/held-namespaces.ts";
export {
  describeIdMappings,
  hostIdOf,
  type IdMapping,
  type IdMappings,
  idMappingsOf,
  readIdMappings,
} from "./namespaces/id-mappings.ts";
export { inNetworkNamespace } from "./namespaces/in-network-namespace.ts";
export { NamespaceHolder } from "./namespaces/namespace-holder.ts";
export { isNamespacePin, unpinNamespaces } from "./namespaces/namespace-pins.ts";
export { NamespaceThread } from "./namespaces/namespace-thread.ts";
export type { PinnedNamespace, PodNamespaces, PodNamespacesRequest } from "./namespaces/pod-namespaces.ts";
export { interfaceOfSysctl, namespacedSysctls, partsOfSysctl } from "./namespaces/sysctl.ts";
export {
  addAddress,
  deleteAddress,
  type IpPrefix,
  type LinkAddress,
  listAddresses,
  listAllAddresses,
} from "./netlink/addresses.ts";
export { forgetConnections, type TrackedPort } from "./netlink/conntrack.ts";
export {
  addBridge,
  addIfb,
  addVethPair,
  deleteLink,
  type Link,
  type LinkChange,
  linkByIndex,
  linkByName,
  listLinks,
  setBridgePort,
  setLink,
} from "./netlink/links.ts";
export { NetlinkSocket } from "./netlink/netlink-socket.ts";
export { addRoute, listRoutedPrefixes } from "./netlink/routes.ts";
export { addTokenBucket, redirectIncoming, type TokenBucket } from "./netlink/traffic-control.ts";
export type { InterfaceCounters } from "./network-counters.ts";
export * as nft from "./nftables/index.ts";
export {
  capabilityMask,
  capabilityNames,
  type ProcessCapabilities,
  processCapabilities,
} from "./processes/capabilities.ts";
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
} from "./processes/process.ts";
export { exitAtOnce, forbidFileWrites } from "./processes/process-calls.ts";
export { endsWithin } from "./processes/process-end.ts";
export { signalName, signalNumber } from "./processes/signals.ts";
export { type SpawnOptions, type StdioChoice, type Subprocess, spawn } from "./processes/spawn.ts";
export { giveBackProgram } from "./program-pages.ts";
export { sendDatagram } from "./streams/notify-socket.ts";
export { readPackets } from "./streams/packets.ts";
export { makePipe, type Pipe, unreadBytes } from "./streams/pipe.ts";
export { type ConsoleSocket, PollThread } from "./streams/poll-thread.ts";
export type { Terminal } from "./streams/terminal.ts";
