import {
  type Capability,
  CgroupMountMode,
  type CgroupNamespace,
  type IDMapping,
  type Int64Value,
  type LinuxContainerSecurityContext,
  type LinuxSandboxSecurityContext,
  NamespaceMode,
  type NamespaceOption,
  SupplementalGroupsPolicy,
  type UserNamespace,
} from "../../../ground/protocol/index.ts";
import { all, between, type Check, each, ifPresent, message, oneOf, refuse } from "./check.ts";
import { idMappings } from "./id-mappings.ts";
import { appArmorProfile, seccompProfile } from "./security-profile.ts";
import { containerPath, line, matching, nonEmpty } from "./text.ts";

/** The kernel's largest id but one: the largest means "leave as it is". */
const ownerId = between(0n, 0xffff_fffen);

const owner: Check<Int64Value | undefined> = ifPresent(message<Int64Value>({ value: ownerId }));

const userNamespace = all(
  message<UserNamespace>({
    mode: oneOf<NamespaceMode>(NamespaceMode, [NamespaceMode.POD, NamespaceMode.NODE]),
    uids: idMappings,
    gids: idMappings,
  }),
  ({ mode, uids, gids }, path) => {
    for (const [name, mappings] of Object.entries({ uids, gids })) {
      if (mode === NamespaceMode.NODE && mappings.length > 0) {
        refuse(`${path}.${name}`, "must be empty when mode is NODE");
      }
      if (mode === NamespaceMode.POD && !mappings.some(mapsRoot)) {
        refuse(`${path}.${name}`, "must map container_id 0 when mode is POD");
      }
    }
  },
);

function mapsRoot({ containerId, length }: IDMapping): boolean {
  return containerId === 0 && length > 0;
}

const shared = oneOf<NamespaceMode>(NamespaceMode, [
  NamespaceMode.POD,
  NamespaceMode.CONTAINER,
  NamespaceMode.NODE,
]);

const namespaceOptions = all(
  message<NamespaceOption>({
    network: shared,
    ipc: shared,
    pid: oneOf(NamespaceMode),
    targetId: line(128),
    usernsOptions: ifPresent(userNamespace),
  }),
  (value, path) => {
    if (value.pid === NamespaceMode.TARGET && value.targetId === "") {
      refuse(`${path}.target_id`, "must name a container when pid is TARGET");
    }
  },
);

/** Only containers have cgroup namespaces. */
const sandboxNamespaces: Check<NamespaceOption> = all(namespaceOptions, ({ cgroupnsOptions }, path) => {
  if (cgroupnsOptions !== undefined) refuse(`${path}.cgroupns_options`, "must not be set for a pod sandbox");
});

const cgroupNamespace = message<CgroupNamespace>({
  mode: oneOf<NamespaceMode>(NamespaceMode, [NamespaceMode.CONTAINER, NamespaceMode.NODE]),
});

const containerNamespaces: Check<NamespaceOption> = all(
  namespaceOptions,
  message<NamespaceOption>({ cgroupnsOptions: ifPresent(cgroupNamespace) }),
);

/** Privileged containers can always write to cgroups; others never to the host's. */
const cgroupMount: Check<LinuxContainerSecurityContext> = (value, path) => {
  const { cgroupMountMode: mode, privileged, namespaceOptions } = value;
  const node = namespaceOptions?.cgroupnsOptions?.mode === NamespaceMode.NODE;
  if (mode === CgroupMountMode.CGROUP_MOUNT_MODE_READ_ONLY && privileged)
    refuse(`${path}.cgroup_mount_mode`, "must not be CGROUP_MOUNT_MODE_READ_ONLY for a privileged container");
  if (mode === CgroupMountMode.CGROUP_MOUNT_MODE_READ_WRITE && node && !privileged)
    refuse(
      `${path}.cgroup_mount_mode`,
      "must not be CGROUP_MOUNT_MODE_READ_WRITE with the node's cgroup namespace unless the container is privileged",
    );
};

const capabilityNames = each(matching(/^[A-Za-z0-9_]{1,64}$/, "the name of a capability"));

const capabilities: Check<Capability | undefined> = ifPresent(
  message<Capability>({
    addCapabilities: capabilityNames,
    dropCapabilities: capabilityNames,
    addAmbientCapabilities: capabilityNames,
  }),
);

export const sandboxSecurityContext: Check<LinuxSandboxSecurityContext | undefined> = ifPresent(
  message<LinuxSandboxSecurityContext>({
    namespaceOptions: ifPresent(sandboxNamespaces),
    runAsUser: owner,
    // Allowed alone, unlike for containers: kubelets pass on the pod's value, and it affects no process here.
    runAsGroup: owner,
    supplementalGroups: each(ownerId),
    supplementalGroupsPolicy: oneOf(SupplementalGroupsPolicy),
    seccomp: seccompProfile,
    apparmor: appArmorProfile,
    seccompProfilePath: line(4096),
  }),
);

export const containerSecurityContext: Check<LinuxContainerSecurityContext | undefined> = ifPresent(
  all(
    message<LinuxContainerSecurityContext>({
      capabilities,
      namespaceOptions: ifPresent(containerNamespaces),
      runAsUser: owner,
      runAsGroup: owner,
      runAsUsername: line(512),
      supplementalGroups: each(ownerId),
      supplementalGroupsPolicy: oneOf(SupplementalGroupsPolicy),
      maskedPaths: each(nonEmpty(containerPath)),
      readonlyPaths: each(nonEmpty(containerPath)),
      seccomp: seccompProfile,
      apparmor: appArmorProfile,
      apparmorProfile: line(4096),
      seccompProfilePath: line(4096),
      cgroupMountMode: oneOf(CgroupMountMode),
    }),
    cgroupMount,
    (value, path) => {
      if (value.runAsGroup !== undefined && value.runAsUser === undefined && value.runAsUsername === "") {
        refuse(`${path}.run_as_group`, "needs run_as_user or run_as_username");
      }
    },
  ),
);
