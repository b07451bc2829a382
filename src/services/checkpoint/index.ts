/**
 * Checkpoints of containers as files: the archive in which one is kept, a tar in the form that Podman, CRI-O
 * and containerd write and `checkpointctl` reads, and the directory into which one is taken apart to be
 * restored.
 *
 * Terms: the *images* of a checkpoint are criu's files (memory, descriptors, ...) in `checkpoint/`; its
 * *rootfs diff* is what the container changed of its image's file system; its *base image* is that image.
 *
 * Whatever an archive says may have been written by anybody: nothing is written outside the directory it is
 * unpacked into, and of what it says of a container only the names of its image and of its mounts are read,
 * to be compared. The work on files is done in a worker thread. This room knows nothing of OCI runtimes,
 * records or requests.
 */
export { networkStatusName, shmName } from "./archive-names.ts";
export { CheckpointError } from "./checkpoint-error.ts";
export type { ConfigDump } from "./config-dump.ts";
export type { ArchivePart, ArchiveSource, RootfsSource } from "./jobs.ts";
export { type Checkpoint, readCheckpoint } from "./read-checkpoint.ts";
export { addMissingFiles, applyRootfsDiff, unpackArchive, writeArchive } from "./work.ts";
