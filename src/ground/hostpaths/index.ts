/**
 * Calls on paths of others: sources of mounts, devices, directories of logs, places of checkpoints. Such a
 * path may lie on a file system that does not answer any more (NFS whose server is gone, FUSE that nobody
 * serves). The kernel then holds the thread that asked until the file system answers or fails; nothing but
 * the end of the process frees it.
 *
 * Terms: a *look-up* is one piece of work on such a path, on threads of libuv's pool; its *owner* is the pod
 * that it is for.
 *
 * This room says how many look-ups may be under way for whom, and how long anybody waits for one. What they
 * do is their caller's. Every call of node:fs or `linux/` on a path that came in a request has to go through
 * it.
 */
export { HostPathError, type HostPathOptions, HostPaths, type LookUp } from "./host-paths.ts";
