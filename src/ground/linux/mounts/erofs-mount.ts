import { LinuxError } from "../linux-error.ts";
import { mount } from "./mount.ts";
import { mountFlags } from "./mount-flags.ts";

/**
 * Mounts an EROFS image, a file, on a directory; `devices` are the files of its other devices, whose paths
 * must not contain commas. Uses no loop device. Needs Linux 6.12 with CONFIG_EROFS_FS_BACKED_BY_FILE, and
 * files on a file system that supports it (not tmpfs or overlayfs). Throws LinuxError, FailedPrecondition if
 * it is not supported.
 */
export async function mountErofs(image: string, devices: readonly string[], target: string): Promise<void> {
  const data = devices.map((device) => `device=${device}`).join(",");
  try {
    await mount({ source: image, target, type: "erofs", flags: mountFlags.readonly, data });
  } catch (error) {
    throw error instanceof LinuxError ? explained(error, image) : error;
  }
}

function explained(error: LinuxError, image: string): LinuxError {
  const why = reasons[error.errno];
  if (why === undefined) return error;
  return new LinuxError("mount", error.errno, `${image}: ${why}`, {
    code: "FailedPrecondition",
    cause: error,
  });
}

const remedy = "use the overlayfs snapshotter";

const unreadable =
  "the kernel cannot read this EROFS image: it is damaged, or has features or a compression that this kernel lacks (its log says which); use a newer kernel, or another image";

const reasons: Readonly<Record<string, string>> = {
  EINVAL: unreadable,
  EOPNOTSUPP: unreadable,
  EUCLEAN: unreadable,
  EBADMSG: unreadable,
  ENODEV: `the kernel does not support EROFS, or its module is not loaded; run \`modprobe erofs\`, or ${remedy}`,
  ENOTBLK: `the kernel cannot mount EROFS from files of this file system (needs Linux 6.12 with CONFIG_EROFS_FS_BACKED_BY_FILE, and ext4, xfs or btrfs); ${remedy}`,
};
