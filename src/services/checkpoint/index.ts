/**
 * Checkpoints of containers as files: the archive, a tar in the format that Podman, CRI-O and containerd
 * write and `checkpointctl` reads, and the directory into which it is unpacked for a restore.
 *
 * Terms: the *images* of a checkpoint are criu's files (memory, descriptors, ...) in `checkpoint/`; its
 * *rootfs diff* is the container's changes to its image's file system; its *base image* is that image.
 *
 * Archives are not trusted: nothing is written outside the directory into which one is unpacked, and of its
 * description of a container only the image and the mounts are read, for comparison. Files are processed in a
 * worker thread. This room does not know OCI runtimes, records or requests.
 */
export { networkStatusName, shmName } from "./archive-names.ts";
export { CheckpointError } from "./checkpoint-error.ts";
export type { ConfigDump } from "./config-dump.ts";
export type { ArchivePart, ArchiveSource, RootfsSource } from "./jobs.ts";
export { type Checkpoint, readCheckpoint } from "./read-checkpoint.ts";
export { addMissingFiles, applyRootfsDiff, unpackArchive, writeArchive } from "./work.ts";
