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
 * A null device with its own owner and mode, so that changing them does not affect the host's /dev/null. It
 * is on an invisible file system of its own, since on many machines /run and /tmp are mounted nodev. Throws
 * LinuxError.
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
