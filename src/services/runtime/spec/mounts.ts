import { posix } from "node:path";
import { NamespaceMode } from "../../../ground/protocol/index.ts";
import { RuntimeError } from "../runtime-error.ts";
import { cgroupAccess, hasCgroupNamespace } from "./cgroup-view.ts";
import type { ContainerSpecInput, ResolvedMount, SandboxFacts } from "./input.ts";
import { pidMode } from "./namespaces.ts";
import type { OciLinux, OciMount } from "./types.ts";

export type ContainerMounts = {
  readonly mounts: readonly OciMount[];
  readonly rootfsPropagation: OciLinux["rootfsPropagation"] | undefined;
};

type Input = Pick<
  ContainerSpecInput,
  "config" | "sandboxConfig" | "sandbox" | "resolved" | "features" | "host"
>;

/**
 * All mounts, in the order in which they are made: the kernel's file systems, then binds from the host, each
 * before those inside it. Each destination is mounted once: the configuration's mount takes precedence over
 * the sandbox's file, and both over a default.
 */
export function containerMounts(input: Input): ContainerMounts {
  const { config, sandbox, resolved, features } = input;
  const security = config.linux?.securityContext;
  const own = resolved.mounts;
  const configured = new Set(own.map((mount) => clean(mount.containerPath)));
  const shared = sandboxMounts(sandbox, security?.readonlyRootfs ?? false);
  const binds = [...own, ...shared.filter((mount) => !configured.has(mount.containerPath))];
  const destinations = new Set(binds.map((mount) => clean(mount.containerPath)));
  const standard = defaultMounts(security?.privileged ?? false, cgroupMount(input), sandbox);
  const defaults = (
    sandbox.namespaces.user === undefined ? standard : ofHostNamespaces(standard, input)
  ).filter(
    ({ destination }) =>
      !destinations.has(destination) && !(destinations.has("/dev") && destination.startsWith("/dev/")),
  );
  const atPlace = (mount: OciMount): OciMount => {
    const place = resolved.places.get(mount.destination);
    return place === undefined ? mount : { ...mount, destination: place };
  };
  const made = binds.toSorted(byDepth).map((mount) => atPlace(bindMount(mount, features)));
  return {
    mounts: [...defaults, ...made],
    rootfsPropagation: rootfsPropagation(own),
  };
}

function defaultMounts(
  privileged: boolean,
  cgroups: OciMount,
  { readOnlySysfsIsForAll }: Pick<SandboxFacts, "readOnlySysfsIsForAll">,
): readonly OciMount[] {
  const access = privileged ? "rw" : "ro";
  const sysfs = { destination: "/sys", type: "sysfs", source: "sysfs", options: [...guarded, access] };
  const writableSysfs = privileged && readOnlySysfsIsForAll;
  return [
    { destination: "/proc", type: "proc", source: "proc", options: guarded },
    {
      destination: "/dev",
      type: "tmpfs",
      source: "tmpfs",
      options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
    },
    {
      destination: "/dev/pts",
      type: "devpts",
      source: "devpts",
      // In every distribution, gid 5 is tty.
      options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    },
    { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: guarded },
    sysfs,
    ...(writableSysfs ? [{ ...sysfs, options: ["remount", ...sysfs.options] }] : []),
    cgroups,
  ];
}

const guarded = ["nosuid", "noexec", "nodev"];

/**
 * In the node's cgroup namespace, version 2 is bound from the host: mounting it there would change the
 * options of all its mounts, including the host's, and remove nsdelegate and memory_recursiveprot
 * (https://github.com/opencontainers/runc/issues/5258).
 */
function cgroupMount(input: Input): OciMount {
  const destination = "/sys/fs/cgroup";
  const options = [...guarded, "relatime", cgroupAccess(input)];
  if (input.host.cgroups !== "v2" || hasCgroupNamespace(input))
    return { destination, type: "cgroup", source: "cgroup", options };
  return { destination, type: "bind", source: destination, options: ["rbind", "rprivate", ...options] };
}

/**
 * In a user namespace, a kernel file system can be mounted only for a namespace that the user namespace owns.
 * If the pod uses the host's instead, the file system is bound from there; in the user namespace, nobody can
 * change anything in it. It cannot be bound without the mounts below it.
 */
function ofHostNamespaces(
  mounts: readonly OciMount[],
  { config, sandboxConfig, sandbox, host }: Input,
): readonly OciMount[] {
  const { network, ipc } = sandbox.namespaces;
  const ofHost: Readonly<Record<string, boolean>> = {
    "/proc": pidMode({ config, sandboxConfig }) === NamespaceMode.NODE,
    "/sys": network === undefined,
    "/dev/mqueue": ipc === undefined,
  };
  return mounts.flatMap((mount) => {
    const { destination, options } = mount;
    if (!ofHost[destination]) return [mount];
    if (destination === "/dev/mqueue" && !host.messageQueues) return [];
    return [{ destination, type: "bind", source: destination, options: ["rbind", "rprivate", ...options] }];
  });
}

/** The files of a sandbox that its containers get. */
export const sandboxFilePaths = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];

/**
 * Their flags are listed although the file systems have them: crun removes flags that a mount does not list,
 * and runc before 1.2 tries to when a mount becomes read-only, which the kernel refuses in a user namespace.
 */
function sandboxMounts({ files }: SandboxFacts, readonly: boolean): readonly ResolvedMount[] {
  const file = (containerPath: string, hostPath: string, readonly: boolean): ResolvedMount => ({
    containerPath,
    hostPath,
    readonly,
    recursiveReadOnly: false,
    propagation: "private",
    options: guarded,
  });
  return [
    file("/etc/hosts", files.hosts, readonly),
    file("/etc/hostname", files.hostname, readonly),
    file("/etc/resolv.conf", files.resolvConf, readonly),
    file("/dev/shm", files.shm, false),
  ];
}

function bindMount(mount: ResolvedMount, features: Input["features"]): OciMount {
  return {
    destination: mount.containerPath,
    type: "bind",
    source: mount.hostPath,
    options: ["rbind", propagationOption[mount.propagation], accessOption(mount, features), ...mount.options],
  };
}

const propagationOption = { private: "rprivate", slave: "rslave", shared: "rshared" } as const;

function accessOption(mount: ResolvedMount, features: Input["features"]): "rw" | "ro" | "rro" {
  if (!mount.recursiveReadOnly) return mount.readonly ? "ro" : "rw";
  const subject = `mount ${mount.containerPath} of ${mount.hostPath}`;
  if (!mount.readonly)
    throw new RuntimeError("InvalidArgument", `${subject}: recursive_read_only needs readonly`);
  if (mount.propagation !== "private") {
    throw new RuntimeError("InvalidArgument", `${subject}: recursive_read_only needs private propagation`);
  }
  if (!features.recursiveReadOnlyMounts) {
    // Kubelets look for the first word.
    throw new RuntimeError(
      "FailedPrecondition",
      `RROUnsupported: ${subject}: the runtime handler cannot make mounts recursively read-only`,
    );
  }
  return "rro";
}

/** The root must pass on what its mounts propagate (mount_namespaces(7)). */
function rootfsPropagation(mounts: readonly ResolvedMount[]): OciLinux["rootfsPropagation"] | undefined {
  if (mounts.some((mount) => mount.propagation === "shared")) return "rshared";
  return mounts.some((mount) => mount.propagation === "slave") ? "rslave" : undefined;
}

function byDepth(a: ResolvedMount, b: ResolvedMount): number {
  return clean(a.containerPath).split("/").length - clean(b.containerPath).split("/").length;
}

function clean(path: string): string {
  const normal = posix.normalize(path);
  return normal.length > 1 && normal.endsWith("/") ? normal.slice(0, -1) : normal;
}
