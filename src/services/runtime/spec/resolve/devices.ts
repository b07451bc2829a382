import type { BigIntStats } from "node:fs";
import { lstat, readdir, realpath, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { hasCode } from "../../../../ground/errors/index.ts";
import { ignoreMissing } from "../../../../ground/fs/index.ts";
import type { LookUp } from "../../../../ground/hostpaths/index.ts";
import type { Device } from "../../../../ground/protocol/index.ts";
import { RuntimeError } from "../../runtime-error.ts";
import type { ResolvedDevice } from "../resolved-device.ts";
import type { OciDevice } from "../types.ts";

/** Directories of /dev that each container has itself, or that contain none of the host's devices. */
const skippedDirectories = new Set(["pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev"]);

/** The owner that replaces a device's owner on the host. */
export type DeviceOwner = { readonly uid?: number; readonly gid?: number };

/** A device of the configuration, or all devices in a directory. Symbolic links of the host are followed. */
export async function configuredDevices(
  { hostPath, containerPath, permissions }: Device,
  owner: DeviceOwner,
  lookUp: LookUp,
): Promise<readonly ResolvedDevice[]> {
  if (!/^[rwm]*$/.test(permissions)) {
    throw new RuntimeError(
      "InvalidArgument",
      `device ${hostPath}: permissions ${JSON.stringify(permissions)} may only contain r, w and m`,
    );
  }
  const target = containerPath || hostPath;
  const devices = await devicesAt(hostPath, target, lookUp);
  return devices.map(({ device, hostPath: source }) => ({
    device: { ...device, ...owner },
    access: permissions || "rwm",
    hostPath: source,
  }));
}

/** All devices of the host, for privileged containers. */
export async function hostDevices(lookUp: LookUp): Promise<readonly OciDevice[]> {
  return (await lookUp("/dev", () => devicesIn("/dev", "/dev"))).map(({ device }) => device);
}

/** A device as it appears in the container, and its path on the host. */
type FoundDevice = Pick<ResolvedDevice, "device" | "hostPath">;

/**
 * The host's device at a path; symbolic links are followed. Throws RuntimeError FailedPrecondition if there
 * is none.
 */
export async function hostDevice(hostPath: string, lookUp: LookUp): Promise<OciDevice> {
  const [found, ...others] = await devicesAt(hostPath, hostPath, lookUp);
  if (found !== undefined && others.length === 0) return found.device;
  throw new RuntimeError("FailedPrecondition", `${hostPath} is not a device`);
}

async function devicesAt(
  hostPath: string,
  containerPath: string,
  lookUp: LookUp,
): Promise<readonly FoundDevice[]> {
  try {
    const found = await lookUp(hostPath, () => readDevices(hostPath, containerPath));
    if (found !== undefined) return found;
  } catch (cause) {
    const code = hasCode(cause, "Unavailable") ? "Unavailable" : "FailedPrecondition";
    throw new RuntimeError(code, `device ${hostPath}: cannot be read`, { cause });
  }
  throw new RuntimeError("FailedPrecondition", `${hostPath} is not a device`);
}

/** Undefined for anything other than a device or a directory. */
async function readDevices(
  hostPath: string,
  containerPath: string,
): Promise<readonly FoundDevice[] | undefined> {
  const path = await realpath(hostPath);
  if ((await stat(path)).isDirectory()) return devicesIn(path, containerPath);
  const device = deviceOf(await lstat(path, { bigint: true }), containerPath);
  return device && [{ device, hostPath: path }];
}

async function devicesIn(directory: string, containerDirectory: string): Promise<readonly FoundDevice[]> {
  const found: FoundDevice[] = [];
  // One by one, and skipping everything else, so that a large directory of other files takes no more threads
  // than a small one.
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    const target = join(containerDirectory, basename(path));
    if (entry.isDirectory() && !skippedDirectories.has(entry.name))
      found.push(...(await devicesIn(path, target)));
    // The container gets its own console.
    if (!(entry.isBlockDevice() || entry.isCharacterDevice()) || entry.name === "console") continue;
    // The device may have been unplugged in the meantime.
    const info = await lstat(path, { bigint: true }).catch(ignoreMissing);
    const device = info && deviceOf(info, target);
    if (device !== undefined) found.push({ device, hostPath: path });
  }
  return found;
}

/** Undefined for anything other than a device. The numbers are extracted as in makedev(3). */
export function deviceOf(info: BigIntStats, path: string): OciDevice | undefined {
  if (!info.isBlockDevice() && !info.isCharacterDevice()) return undefined;
  const { rdev } = info;
  return {
    type: info.isBlockDevice() ? "b" : "c",
    path,
    major: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn)),
    minor: Number((rdev & 0xffn) | ((rdev >> 12n) & ~0xffn)) & 0xffffffff,
    fileMode: Number(info.mode & 0o777n),
    uid: Number(info.uid),
    gid: Number(info.gid),
  };
}
