import { closeDescriptor } from "../files/descriptors.ts";
import { check } from "../libc.ts";
import { LinuxError } from "../linux-error.ts";
import { detachedMount } from "./detached-mount.ts";
import {
  AT_FDCWD,
  FSCONFIG_CMD_CREATE,
  FSCONFIG_SET_FLAG,
  FSCONFIG_SET_STRING,
  FSOPEN_CLOEXEC,
  fsconfigCall,
  fsopenCall,
  MOVE_MOUNT_F_EMPTY_PATH,
  moveMountCall,
  SYS_fsconfig,
  SYS_fsopen,
  SYS_move_mount,
} from "./mount-calls.ts";
import { escaped, type OverlayByParts } from "./overlay-mount.ts";

const MOUNT_ATTR_RDONLY = 1;

/**
 * Mounts an overlay whose layers the kernel is told one by one, which takes 500 of them however long all
 * names are together; one alone may have 255 bytes. Blocks. Needs Linux 6.8. Throws LinuxError,
 * FailedPrecondition for more layers than the kernel takes. See
 * https://docs.kernel.org/filesystems/overlayfs.html#multiple-lower-layers
 */
export function mountByParts({ overlay, target }: OverlayByParts): void {
  const subject = `overlay on ${target}`;
  const fs = check("fsopen", fsopenCall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC), subject);
  try {
    configure(fs, { overlay, target });
    const attributes = overlay.upper === undefined ? MOUNT_ATTR_RDONLY : 0;
    const mounted = detachedMount(fs, attributes, subject);
    try {
      const result = moveMountCall(SYS_move_mount, mounted, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH);
      check("move_mount", result, subject);
    } finally {
      closeDescriptor(mounted);
    }
  } finally {
    closeDescriptor(fs);
  }
}

function configure(fs: number, { overlay, target }: OverlayByParts): void {
  const call = (command: number, key: string | null, value: string | null) =>
    check(
      "fsconfig",
      fsconfigCall(SYS_fsconfig, fs, command, key, value, 0),
      `overlay on ${target}: ${key ?? "create"} ${value ?? ""}`,
    );
  const { upper, lower, options } = overlay;
  try {
    for (const path of lower) call(FSCONFIG_SET_STRING, "lowerdir+", path);
  } catch (error) {
    throw error instanceof LinuxError && error.errno === "EINVAL" ? tooMany(lower.length, target) : error;
  }
  if (upper !== undefined) {
    // Unlike those of lower layers, which are taken as they are.
    call(FSCONFIG_SET_STRING, "upperdir", escaped(upper.directory));
    call(FSCONFIG_SET_STRING, "workdir", escaped(upper.work));
  }
  for (const option of options) {
    const end = option.indexOf("=");
    if (end === -1) call(FSCONFIG_SET_FLAG, option, null);
    else call(FSCONFIG_SET_STRING, option.slice(0, end), option.slice(end + 1));
  }
  call(FSCONFIG_CMD_CREATE, null, null);
}

function tooMany(layers: number, target: string): LinuxError {
  const subject = `overlay of ${layers} layers on ${target}: the kernel takes no more than have room in a page with their names, or 500 of at most 255 bytes each since Linux 6.8; use an image with fewer layers`;
  return new LinuxError("mount", "E2BIG", subject, { code: "FailedPrecondition" });
}
