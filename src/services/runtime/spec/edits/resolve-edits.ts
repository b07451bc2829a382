import { access } from "node:fs/promises";
import { hasCode } from "../../../../ground/errors/index.ts";
import type { LookUp } from "../../../../ground/hostpaths/index.ts";
import type { CdiDeviceNode, CdiMount, ContainerEdits } from "../../../../parts/cdi/index.ts";
import { RuntimeError } from "../../runtime-error.ts";
import { hostDevice } from "../resolve/devices.ts";
import type { ResolvedDevice } from "../resolved-device.ts";
import type { OciDevice, OciUser } from "../types.ts";

/** Edits whose devices and mounts were found on the host. */
export type ResolvedEdits = Omit<ContainerEdits, "deviceNodes" | "netDevices"> & {
  readonly devices: readonly ResolvedDevice[];
};

/** The mode of a device node for which the spec gives everything except the mode. */
const usualMode = 0o666;
const resctrl = "/sys/fs/resctrl";

/**
 * Checks that the host has what edits need, so that a container without it fails at its creation rather than
 * its start. Throws RuntimeError: FailedPrecondition for missing files, Unimplemented for network interfaces,
 * which crun and runc do not support yet (runtime-spec 1.3, `netDevices`).
 */
export async function resolveEdits(
  edits: ContainerEdits,
  user: OciUser,
  lookUp: LookUp,
): Promise<ResolvedEdits> {
  const { deviceNodes, netDevices, ...rest } = edits;
  const [netDevice] = netDevices;
  if (netDevice !== undefined) {
    throw new RuntimeError(
      "Unimplemented",
      `CDI edits: network interface ${netDevice.hostInterfaceName} cannot be moved: netDevices are not supported yet`,
    );
  }
  if (rest.intelRdt !== undefined) await mustExist(resctrl, "intelRdt needs the resctrl file system", lookUp);
  await Promise.all(rest.mounts.filter(isBind).map(({ hostPath }) => mustExist(hostPath, "mount", lookUp)));
  return { ...rest, devices: await Promise.all(deviceNodes.map((node) => resolveNode(node, user, lookUp))) };
}

/** A mount of unspecified type is a bind, as intended in vendors' files. */
export function isBind({ type, options }: CdiMount): boolean {
  return ["", "bind", "none"].includes(type) || options.includes("bind") || options.includes("rbind");
}

async function mustExist(path: string, what: string, lookUp: LookUp): Promise<void> {
  await lookUp(path, () => access(path)).catch((cause: unknown) => {
    if (hasCode(cause, "Unavailable")) throw cause;
    throw new RuntimeError("FailedPrecondition", `CDI edits: ${what}: ${path} does not exist`, { cause });
  });
}

/** The owner is the container's user, unless the spec specifies one. */
async function resolveNode(node: CdiDeviceNode, user: OciUser, lookUp: LookUp): Promise<ResolvedDevice> {
  const described = describedDevice(node) ?? (await hostDevice(node.hostPath, lookUp));
  const device: OciDevice = {
    ...described,
    path: node.path,
    fileMode: node.fileMode ?? described.fileMode,
    uid: node.uid ?? user.uid,
    gid: node.gid ?? user.gid,
  };
  return { device, access: node.permissions, hostPath: node.hostPath || node.path };
}

/**
 * A fully specified device is not looked up on the host. Numbers of 0 count as unspecified, since Go omits
 * them.
 */
function describedDevice({ path, type, major, minor }: CdiDeviceNode): OciDevice | undefined {
  const plain = { path, fileMode: usualMode, uid: 0, gid: 0 };
  if (type === "p") return { ...plain, type, major: 0, minor: 0 };
  if (type === undefined || major === undefined || major === 0) return undefined;
  return { ...plain, type: type === "b" ? "b" : "c", major, minor: minor ?? 0 };
}
