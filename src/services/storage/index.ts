/**
 * Storage: containers, image names, content, snapshots and leases by containerd namespace, with a garbage
 * collector for each.
 *
 * Terms: a *namespace* is containerd's; one namespace neither sees nor collects what is in another. Content
 * is shared on disk.
 *
 * This room does not know what is stored: rooms with records of profiles, or of resolved images, tell it what
 * garbage collection must keep. It keeps the targets of image names and the snapshots of containers on its
 * own.
 */
export { NamespaceStorage, type Roots } from "./namespace-storage.ts";
export { Storage, type StorageOptions } from "./storage.ts";
