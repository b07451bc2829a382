import { lstat } from "node:fs/promises";
import { join, posix } from "node:path";
import { ignoreMissing } from "../../../../ground/fs/index.ts";
import { RuntimeError } from "../../runtime-error.ts";
import type { OciDevice, OciSpec } from "../types.ts";
import { deviceOf } from "./devices.ts";
import { resolveInside } from "./rootfs-file.ts";

/**
 * Checks that an OCI runtime will create the devices of a spec. If the root file system has something at a
 * device's path, runc and crun leave it there, although the OCI runtime specification (config-linux.md,
 * `devices`) requires them to fail: the container would take a file of its image for the device. Mounts, such
 * as /dev, are not the image's. Throws RuntimeError FailedPrecondition.
 */
export async function checkDevicePlaces({ mounts, linux }: OciSpec, rootfsPath: string): Promise<void> {
  const isMounted = (path: string) =>
    mounts.some(({ destination }) => `${path}/`.startsWith(posix.join(destination, "/")));
  for (const device of linux.devices) {
    if (isMounted(posix.normalize(device.path))) continue;
    const place = await resolveInside(rootfsPath, device.path);
    if (place === undefined || isMounted(`/${place}`)) continue;
    const found = await lstat(join(rootfsPath, place), { bigint: true }).catch(ignoreMissing);
    if (found === undefined || isSame(device, deviceOf(found, device.path))) continue;
    throw new RuntimeError(
      "FailedPrecondition",
      `device ${device.path}: the image has something else at this path, which would stay in the device's place; give the device another path in the container`,
    );
  }
}

function isSame(wanted: OciDevice, found: OciDevice | undefined): boolean {
  return found?.type === wanted.type && found.major === wanted.major && found.minor === wanted.minor;
}
