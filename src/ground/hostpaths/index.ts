/**
 * Access to paths that others choose: sources of mounts, devices, directories of logs, locations of
 * checkpoints. Such a path may be on an unresponsive file system (NFS without its server, FUSE without its
 * process). The kernel then blocks the calling thread until the file system responds or fails; only the end
 * of the process frees it.
 *
 * Terms: a *look-up* is one piece of work on such a path, on threads of libuv's pool; its *owner* is the pod
 * that it is for.
 *
 * This room limits how many look-ups run for whom, and how long callers wait for one. What they do is up to
 * the caller. Every call of node:fs or `linux/` on a path that came in a request has to go through it.
 */
export { HostPathError, type HostPathOptions, HostPaths, type LookUp } from "./host-paths.ts";
