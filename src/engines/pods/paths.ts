import { join } from "node:path";

/**
 * Where a sandbox's and a container's files lie, all in the state directory: none of it outlives the
 * machine's next start.
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
  /** Bundle of the pause process, where there is one. */
  readonly pauseBundle: string;
  /** File that tells the path of the cgroup that is named for the pod, while there is one. */
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
  /** Holds a directory for each image that is mounted as a volume. */
  readonly images: string;
  /** Where layers are mounted while the root file system of a pod with a user namespace is. */
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
