import { join } from "node:path";

/**
 * Paths of a sandbox's and a container's files, all in the state directory: none survives a restart of the
 * machine.
 */
export type SandboxPaths = {
  /** A small tmpfs: see `makeSandboxDirectory`. */
  readonly directory: string;
  /** Holds `net`, `ipc`, `uts`, `user`: the pinned namespaces. */
  readonly namespaces: string;
  readonly hosts: string;
  readonly hostname: string;
  readonly resolvConf: string;
  readonly shm: string;
  /** Bundle of the pause process, if there is one. */
  readonly pauseBundle: string;
  /** File with the path of the cgroup that is named for the pod, if there is one. */
  readonly cgroupNote: string;
};

export function sandboxPaths(stateDir: string, id: string): SandboxPaths {
  const directory = join(stateDir, "sandboxes", id);
  return {
    directory,
    namespaces: join(directory, "ns"),
    hosts: join(directory, "hosts"),
    hostname: join(directory, "hostname"),
    resolvConf: join(directory, "resolv.conf"),
    shm: join(directory, "shm"),
    pauseBundle: join(directory, "pause"),
    cgroupNote: join(stateDir, "pod-cgroups", id),
  };
}

export type ContainerPaths = {
  /** The OCI bundle. */
  readonly bundle: string;
  readonly rootfs: string;
  /** Contains a directory for each image mounted as a volume. */
  readonly images: string;
  /** Mount points of layers while the root file system of a pod with a user namespace is mounted. */
  readonly layers: string;
  /** Mount points of volumes whose owners are mapped. */
  readonly volumes: string;
};

export function containerPaths(stateDir: string, id: string): ContainerPaths {
  const bundle = join(stateDir, "containers", id);
  return {
    bundle,
    rootfs: join(bundle, "rootfs"),
    images: join(bundle, "images"),
    layers: join(bundle, "layers"),
    volumes: join(bundle, "volumes"),
  };
}
