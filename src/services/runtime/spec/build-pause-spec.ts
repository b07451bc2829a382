import { hostIdOf } from "../../../ground/linux/index.ts";
import type { PodSandboxConfig } from "../../../ground/protocol/index.ts";
import { type CgroupDriver, cgroupsPath } from "../cgroups/cgroups-path.ts";
import type { SeLinuxLabels } from "../selinux/se-linux.ts";
import { pauseAnnotations } from "./annotations.ts";
import { ociVersion } from "./build-container-spec.ts";
import type { HostFacts } from "./host-facts.ts";
import type { SandboxFacts } from "./input.ts";
import { sandboxNamespaces } from "./namespaces.ts";
import type { AnnotationRules } from "./passed-annotations.ts";
import type { PauseProfiles } from "./resolve/resolve-pause.ts";
import { openFilesLimit } from "./rlimits.ts";
import { maskedPaths, readonlyPaths } from "./security-profile.ts";
import type { OciSpec, OciUser } from "./types.ts";
import { idMappings } from "./user-namespace.ts";

export type PauseSpecInput = {
  readonly sandboxConfig: PodSandboxConfig;
  readonly sandbox: SandboxFacts;
  /** An empty directory, in which mount points are created. */
  readonly rootfsPath: string;
  /** Path of a statically linked catatonit on the host. */
  readonly program: string;
  readonly cgroupDriver: CgroupDriver;
  readonly profiles: PauseProfiles;
  /** SELinux labels; undefined for none. */
  readonly labels: SeLinuxLabels | undefined;
  readonly host: HostFacts;
  readonly annotationRules: AnnotationRules;
};

/** Just above the score that the kernel never kills: if this process ends, all of the pod's processes do. */
const pauseOomScoreAdj = -998;

const pauseId = 65_535;

/**
 * Builds the spec of the process that holds the PID namespace shared by all containers of a pod, and reaps
 * their orphans. It sees only its own program and has no privileges. Pure, like `buildContainerSpec`.
 */
export function buildPauseSpec({
  sandboxConfig,
  sandbox,
  rootfsPath,
  program,
  cgroupDriver,
  profiles: { seccomp, appArmor },
  labels,
  host,
  annotationRules,
}: PauseSpecInput): OciSpec {
  const user = pauseUser(sandbox);
  return {
    ociVersion,
    root: { path: rootfsPath, readonly: true },
    process: {
      terminal: false,
      args: ["/pause", "-P"],
      env: [],
      cwd: "/",
      user,
      capabilities: { bounding: [], effective: [], permitted: [] },
      noNewPrivileges: true,
      rlimits: [openFilesLimit(host)],
      oomScoreAdj: Math.max(pauseOomScoreAdj, host.minOomScoreAdj),
      ...(labels !== undefined && { selinuxLabel: labels.process }),
      ...(appArmor !== undefined && { apparmorProfile: appArmor }),
    },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
      // OCI runtimes create their default devices in any case.
      {
        destination: "/dev",
        type: "tmpfs",
        source: "tmpfs",
        options: ["nosuid", "noexec", "mode=755", "size=64k"],
      },
      { destination: "/pause", type: "bind", source: program, options: ["bind", "ro", "nosuid", "nodev"] },
    ],
    annotations: pauseAnnotations(sandbox.id, sandboxConfig, annotationRules),
    linux: {
      cgroupsPath: cgroupsPath(cgroupDriver, sandboxConfig.linux?.cgroupParent ?? "", sandbox.id),
      namespaces: [{ type: "pid" }, { type: "mount" }, ...sandboxNamespaces(sandbox.namespaces)],
      ...idMappings(sandbox, user),
      devices: [],
      // The kernel's minimum: the process does nothing but wait.
      resources: { devices: [{ allow: false, access: "rwm" }], cpu: { shares: 2 } },
      // A container that may trace processes can reach this one's files through /proc/1/root.
      maskedPaths: maskedPaths(undefined),
      readonlyPaths: readonlyPaths(undefined),
      ...(seccomp !== undefined && { seccomp }),
      ...(labels !== undefined && { mountLabel: labels.mount }),
    },
  };
}

/** An unprivileged user; in a user namespace without that id, its root, which has no privileges outside. */
function pauseUser({ idMappings }: SandboxFacts): OciUser {
  const mapped =
    idMappings === undefined ||
    [idMappings.uids, idMappings.gids].every((mappings) => hostIdOf(mappings, pauseId) !== undefined);
  const id = mapped ? pauseId : 0;
  return { uid: id, gid: id, additionalGids: [] };
}
