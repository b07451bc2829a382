import { realpath } from "node:fs/promises";
import { posix } from "node:path";
import { makeDirectories } from "../../../../ground/directories/index.ts";
import { hasCode } from "../../../../ground/errors/index.ts";
import { isErrno } from "../../../../ground/fs/index.ts";
import type { LookUp } from "../../../../ground/hostpaths/index.ts";
import { mountOf, mountPropagationOf } from "../../../../ground/linux/index.ts";
import { type Mount, MountPropagation } from "../../../../ground/protocol/index.ts";
import { RuntimeError } from "../../runtime-error.ts";
import type { ResolvedMount } from "../input.ts";

/**
 * Finds or creates the source of a mount, and checks that it propagates as requested. Sources in `reject` are
 * not created.
 */
export async function resolveMount(
  mount: Mount,
  reject: readonly string[],
  lookUp: LookUp,
): Promise<ResolvedMount> {
  const { containerPath, readonly, recursiveReadOnly } = mount;
  if (!posix.isAbsolute(containerPath)) {
    throw new RuntimeError(
      "InvalidArgument",
      `mount ${JSON.stringify(containerPath)}: container_path is not absolute`,
    );
  }
  const hostPath = await existingSource(mount, reject, lookUp);
  const propagation = propagationOf(mount);
  await checkPropagation(hostPath, propagation, containerPath, lookUp);
  return { containerPath, hostPath, readonly, recursiveReadOnly, propagation, options: mount.mountOptions };
}

/**
 * Adds the flags of its source's mount that a user namespace may not clear. OCI runtimes make a mount
 * read-only with only the flags that are listed: without these, runc before 1.2 fails, and crun clears them.
 */
export async function withSourceFlags(mount: ResolvedMount, lookUp: LookUp): Promise<ResolvedMount> {
  const { hostPath, readonly, options } = mount;
  if (!readonly && options.length === 0) return mount;
  const source = await lookUp(hostPath, () => mountOf(hostPath));
  const kept = lockedFlags.filter((flag) => source?.options.includes(flag));
  return { ...mount, options: [...new Set([...options, ...kept])] };
}

/**
 * Those of mount_namespaces(7), except for access times, which do not change if no mount lists a flag for
 * them.
 */
const lockedFlags = ["nosuid", "nodev", "noexec"];

/** A mount as requested, whether or not its source exists. */
export async function describeMount(mount: Mount, lookUp: LookUp): Promise<ResolvedMount> {
  const { containerPath, readonly, recursiveReadOnly, mountOptions } = mount;
  const { hostPath: asked } = mount;
  const hostPath = await lookUp(asked, () => realpath(asked)).catch(() => asked);
  const propagation = propagationOf(mount);
  return { containerPath, hostPath, readonly, recursiveReadOnly, propagation, options: mountOptions };
}

async function existingSource(
  { hostPath, containerPath }: Mount,
  reject: readonly string[],
  lookUp: LookUp,
): Promise<string> {
  if (!posix.isAbsolute(hostPath)) {
    throw new RuntimeError(
      "InvalidArgument",
      `mount ${containerPath}: host_path ${JSON.stringify(hostPath)} is not absolute`,
    );
  }
  try {
    return await lookUp(hostPath, () => realpath(hostPath));
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw unusable(hostPath, containerPath, error);
  }
  if (reject.includes(posix.resolve(hostPath))) {
    throw new RuntimeError(
      "FailedPrecondition",
      `mount ${containerPath}: ${hostPath} of the host does not exist, and container.absent_mount_sources_to_reject forbids creating it`,
    );
  }
  try {
    return await lookUp(hostPath, async () => {
      await makeDirectories(hostPath, 0o755);
      return realpath(hostPath);
    });
  } catch (error) {
    throw unusable(hostPath, containerPath, error);
  }
}

function unusable(hostPath: string, containerPath: string, cause: unknown): RuntimeError {
  return new RuntimeError(
    hasCode(cause, "Unavailable") ? "Unavailable" : "FailedPrecondition",
    `mount ${containerPath}: cannot use ${hostPath} of the host`,
    { cause },
  );
}

function propagationOf({ propagation, containerPath }: Mount): ResolvedMount["propagation"] {
  switch (propagation) {
    case MountPropagation.PROPAGATION_PRIVATE:
      return "private";
    case MountPropagation.PROPAGATION_HOST_TO_CONTAINER:
      return "slave";
    case MountPropagation.PROPAGATION_BIDIRECTIONAL:
      return "shared";
    default:
      throw new RuntimeError("InvalidArgument", `mount ${containerPath}: unknown propagation ${propagation}`);
  }
}

/** A mount can only pass on what its source on the host propagates. */
async function checkPropagation(
  hostPath: string,
  wanted: ResolvedMount["propagation"],
  containerPath: string,
  lookUp: LookUp,
): Promise<void> {
  if (wanted === "private") return;
  const actual = await lookUp(hostPath, () => mountPropagationOf(hostPath));
  if (actual === "shared" || (actual === "slave" && wanted === "slave")) return;
  const needed = wanted === "shared" ? "shared" : "shared or slave";
  throw new RuntimeError(
    "FailedPrecondition",
    `mount ${containerPath}: ${hostPath} of the host is on a ${actual} mount, but the requested propagation needs a ${needed} mount; see mount --make-rshared`,
  );
}
