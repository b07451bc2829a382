import { readFileSync, writeFileSync } from "node:fs";
import { isErrno } from "../../../ground/fs/index.ts";

/** A kernel parameter in the calling thread's network namespace; undefined if it does not exist. */
export function readSetting(path: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${path}`, "utf8").trim();
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/**
 * Sets a kernel parameter in the calling thread's network namespace, unless it has that value. False if it
 * does not exist, such as IPv6's in a kernel without IPv6.
 */
export function writeSetting(path: string, value: string): boolean {
  const now = readSetting(path);
  if (now !== undefined && now !== value) writeFileSync(`/proc/sys/${path}`, value);
  return now !== undefined;
}
