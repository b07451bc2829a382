/**
 * Storage: containers, image names, content, snapshots and leases by containerd namespace, with a garbage
 * collector for each.
 *
 * Terms: a *namespace* is containerd's; what is in one is neither seen nor collected by another. Bytes of
 * content are shared on disk.
 *
 * This room does not know what is stored: rooms that keep records of profiles, or of resolved images, say
 * what garbage collection must keep. It keeps the targets of image names and the snapshots of containers by
 * itself.
 */
export { NamespaceStorage, type Roots } from "./namespace-storage.ts";
export { Storage, type StorageOptions } from "./storage.ts";
