/** Names of an archive's parts, as in Podman, CRI-O, containerd and checkpointctl. */

/** The container's configuration and image; see {@link "./config-dump.ts"}. */
export const configDumpName = "config.dump";
/** The OCI spec it ran with. */
export const specDumpName = "spec.dump";
/** criu's images. */
export const imagesName = "checkpoint";
export const rootfsDiffName = "rootfs-diff.tar";
/** Paths, as a list in JSON. */
export const deletedFilesName = "deleted.files";
/** The files of its pod's /dev/shm, as a tar: Podman's name. CRI-O and containerd do not save them. */
export const shmName = "devshm-checkpoint.tar";
/**
 * The pod's CNI result, as Podman writes it and checkpointctl shows it; for users. CRI-O and containerd do
 * not write it.
 */
export const networkStatusName = "network.status";
/** The container's log: containerd's name, and CRI-O's. */
export const logNames = ["container.log", "io.kubernetes.cri-o.LogPath"] as const;
