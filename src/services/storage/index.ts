/**
 * Storage: containers, names of images, content, snapshots and leases by containerd namespace, with a garbage
 * collector for each.
 *
 * Terms: a *namespace* is containerd's; what is in one is neither seen nor collected by another. Bytes of
 * content are shared on disk.
 *
 * This room does not know what is stored: whoever keeps records of profiles, or of what images come to, says
 * what garbage collection must leave alone. The targets of images' names and the snapshots of containers it
 * leaves alone by itself.
 */
export { NamespaceStorage, type Roots } from "./namespace-storage.ts";
export { Storage, type StorageOptions } from "./storage.ts";
