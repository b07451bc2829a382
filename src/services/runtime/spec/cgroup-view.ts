import { posix } from "node:path";
import { cgroupsAreDelegated } from "../../../ground/linux/index.ts";
import { CgroupMountMode, NamespaceMode } from "../../../ground/protocol/index.ts";
import { RuntimeError } from "../runtime-error.ts";
import type { HostFacts } from "./host-facts.ts";
import type { ContainerSpecInput } from "./input.ts";
import { maskedPaths, readonlyPaths } from "./security-profile.ts";

type Input = Pick<ContainerSpecInput, "config" | "resolved" | "features" | "host">;

/**
 * Whether a container has its own cgroup namespace. By default, it has one with cgroup v2, unless it is
 * privileged: with v1, the namespace would hide the hierarchies' paths from programs that look there, and a
 * privileged container manages the host's cgroups. Throws RuntimeError FailedPrecondition if the handler does
 * not support one that is needed.
 */
export function hasCgroupNamespace({ config, features, host }: Omit<Input, "resolved">): boolean {
  const security = config.linux?.securityContext;
  const asked = security?.namespaceOptions?.cgroupnsOptions;
  if (asked === undefined) return host.cgroups === "v2" && !security?.privileged;
  if (asked.mode !== NamespaceMode.CONTAINER) return false;
  if (features.cgroupNamespaces) return true;
  throw new RuntimeError(
    "FailedPrecondition",
    "linux.security_context.namespace_options.cgroupns_options.mode: CONTAINER needs a runtime handler that supports cgroup namespaces",
  );
}

/**
 * How /sys/fs/cgroup is mounted; {@link checkDelegation} checks whether that is possible. Throws RuntimeError
 * InvalidArgument for a mode that contradicts another part of the configuration.
 */
export function cgroupAccess(input: Input): "ro" | "rw" {
  const security = input.config.linux?.securityContext;
  const mode = security?.cgroupMountMode ?? CgroupMountMode.CGROUP_MOUNT_MODE_UNSPECIFIED;
  if (mode === CgroupMountMode.CGROUP_MOUNT_MODE_UNSPECIFIED) return security?.privileged ? "rw" : "ro";
  refuseCover(input);
  return mode === CgroupMountMode.CGROUP_MOUNT_MODE_READ_ONLY ? "ro" : "rw";
}

/**
 * Throws RuntimeError FailedPrecondition for a container that requests writable cgroups, if the kernel would
 * let it change its own limits and the cgroups above.
 */
export async function checkDelegation({
  config,
  host,
}: Pick<Input, "config"> & { readonly host: Pick<HostFacts, "cgroups"> }): Promise<void> {
  const mode = config.linux?.securityContext?.cgroupMountMode;
  if (mode !== CgroupMountMode.CGROUP_MOUNT_MODE_READ_WRITE || (await cgroupsAreDelegated(host.cgroups)))
    return;
  throw new RuntimeError(
    "FailedPrecondition",
    `${field}: CGROUP_MOUNT_MODE_READ_WRITE needs a host that uses only cgroup v2, mounted with the option nsdelegate`,
  );
}

const field = "linux.security_context.cgroup_mount_mode";

/** /sys/fs/cgroup and its parents. */
const covers = new Set(["/", "/sys", "/sys/fs", "/sys/fs/cgroup"]);

/**
 * Rejects mounts over the cgroups, and paths that mask or protect them: they would replace what was
 * requested.
 */
function refuseCover({ config, resolved }: Input): void {
  const security = config.linux?.securityContext;
  const writable = security?.cgroupMountMode === CgroupMountMode.CGROUP_MOUNT_MODE_READ_WRITE;
  const paths = [
    ...resolved.mounts.map(({ containerPath }) => containerPath),
    ...maskedPaths(security),
    ...(writable ? readonlyPaths(security) : []),
  ];
  const cover = paths.find((path) => covers.has(posix.resolve(path)));
  if (cover === undefined) return;
  throw new RuntimeError(
    "InvalidArgument",
    `${field}: not possible, as the container's mounts, masked_paths or readonly_paths cover ${cover}`,
  );
}
