import { closeDescriptor } from "../files/descriptors.ts";
import { check } from "../libc.ts";
import { LinuxError } from "../linux-error.ts";
import {
  AT_FDCWD,
  detachedMount,
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
import { mountFlags } from "./mount-flags.ts";
import { escaped, type OverlayByParts } from "./overlay-mount.ts";

/**
 * Mounts an overlay whose layers are passed to the kernel one by one: up to 500, regardless of the total
 * length of their names; each may have 255 bytes. Blocks. Needs Linux 6.8. Throws LinuxError,
 * FailedPrecondition for more layers than the kernel accepts. See
 * https://docs.kernel.org/filesystems/overlayfs.html#multiple-lower-layers
 */
export function mountByParts(request: OverlayByParts): void {
  const { target, flags } = request;
  const subject = `overlay on ${target}`;
  const fs = check("fsopen", fsopenCall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC), subject);
  try {
    configure(fs, request);
    const mounted = detachedMount(fs, attributesOf(flags), subject);
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

function configure(fs: number, { overlay, target, flags }: OverlayByParts): void {
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
    // Unlike the paths of lower layers, which are not parsed.
    call(FSCONFIG_SET_STRING, "upperdir", escaped(upper.directory));
    call(FSCONFIG_SET_STRING, "workdir", escaped(upper.work));
  }
  for (const option of options) {
    const end = option.indexOf("=");
    if (end === -1) call(FSCONFIG_SET_FLAG, option, null);
    else call(FSCONFIG_SET_STRING, option.slice(0, end), option.slice(end + 1));
  }
  for (const [name, flag] of flagsOfFileSystem) if ((flags & flag) !== 0) call(FSCONFIG_SET_FLAG, name, null);
  call(FSCONFIG_CMD_CREATE, null, null);
}

/** Flags of mount(2) that belong to the mount, as attributes of fsmount(2). */
const attributes: readonly (readonly [flag: number, attribute: number])[] = [
  [mountFlags.readonly, 0x1],
  [mountFlags.nosuid, 0x2],
  [mountFlags.nodev, 0x4],
  [mountFlags.noexec, 0x8],
  [mountFlags.noatime, 0x10],
  [mountFlags.strictatime, 0x20],
  [mountFlags.nodiratime, 0x80],
];

/** Flags that belong to the file system. */
const flagsOfFileSystem = [
  ["sync", mountFlags.synchronous],
  ["dirsync", mountFlags.dirsync],
  ["lazytime", mountFlags.lazytime],
] as const;

function attributesOf(flags: number): number {
  return attributes.reduce((sum, [flag, attribute]) => ((flags & flag) === 0 ? sum : sum | attribute), 0);
}

function tooMany(layers: number, target: string): LinuxError {
  const subject = `overlay of ${layers} layers on ${target}: the kernel accepts as many as fit into a page with their names, or, since Linux 6.8, 500 of at most 255 bytes each; use an image with fewer layers`;
  return new LinuxError("mount", "E2BIG", subject, { code: "FailedPrecondition" });
}
