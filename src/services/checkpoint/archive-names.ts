/** Names of an archive's parts, as Podman, CRI-O, containerd and checkpointctl know them. */

/** What the container was and which image it was made of; see {@link "./config-dump.ts"}. */
export const configDumpName = "config.dump";
/** The OCI spec it ran with. */
export const specDumpName = "spec.dump";
/** criu's images. */
export const imagesName = "checkpoint";
export const rootfsDiffName = "rootfs-diff.tar";
/** Paths, as a list in JSON. */
export const deletedFilesName = "deleted.files";
/** The files of its pod's /dev/shm, as a tar: Podman's name. CRI-O and containerd keep none. */
export const shmName = "devshm-checkpoint.tar";
/**
 * What CNI gave its pod, as Podman writes it and checkpointctl shows it; for people. CRI-O and containerd
 * write none.
 */
export const networkStatusName = "network.status";
/** The container's log: containerd's name, and CRI-O's. */
export const logNames = ["container.log", "io.kubernetes.cri-o.LogPath"] as const;
