import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { closeDescriptor } from "../files/descriptors.ts";
import { deviceNumber, makeNodeAt } from "../files/files-at.ts";
import { check } from "../libc.ts";
import {
  detachedMount,
  FSCONFIG_CMD_CREATE,
  FSOPEN_CLOEXEC,
  fsconfigCall,
  fsopenCall,
  SYS_fsconfig,
  SYS_fsopen,
} from "./mount-calls.ts";

/**
 * A null device whose owner and mode are its own: whoever gives it away does not give away the host's
 * /dev/null. It lies on a file system that nobody sees and that goes with it, as /run and /tmp of many
 * machines let no devices be opened. Throws LinuxError.
 */
export async function openNullDevice(): Promise<FileHandle> {
  const mounted = privateTmpfs();
  try {
    makeNodeAt(mounted, "null", constants.S_IFCHR | 0o666, deviceNumber(1, 3));
    return await open(`/proc/self/fd/${mounted}/null`, "r+");
  } finally {
    closeDescriptor(mounted);
  }
}

function privateTmpfs(): number {
  const fs = check("fsopen", fsopenCall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC), "tmpfs");
  try {
    check("fsconfig", fsconfigCall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, null, null, 0), "tmpfs");
    return detachedMount(fs, 0, "tmpfs");
  } finally {
    closeDescriptor(fs);
  }
}
