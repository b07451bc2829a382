import { readFileSync, writeFileSync } from "node:fs";
import { isErrno } from "../../../ground/fs/index.ts";

/** A kernel parameter in the calling thread's network namespace; undefined where there is none. */
export function readSetting(path: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${path}`, "utf8").trim();
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/**
 * Sets a kernel parameter of the calling thread's network namespace, unless it has that value. False where
 * there is none, as of IPv6 in a kernel without it.
 */
export function writeSetting(path: string, value: string): boolean {
  const now = readSetting(path);
  if (now !== undefined && now !== value) writeFileSync(`/proc/sys/${path}`, value);
  return now !== undefined;
}
