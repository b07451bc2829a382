import { open, stat } from "node:fs/promises";
import { makeDirectories } from "../../../ground/directories/index.ts";
import { isErrno } from "../../../ground/fs/index.ts";
import type { Volume } from "../../manifests/index.ts";
import { PodSpecError } from "../errors.ts";

const made = { DirectoryOrCreate: "directory", FileOrCreate: "file" } as const;
const wanted = {
  Directory: "isDirectory",
  DirectoryOrCreate: "isDirectory",
  File: "isFile",
  FileOrCreate: "isFile",
  Socket: "isSocket",
  CharDevice: "isCharacterDevice",
  BlockDevice: "isBlockDevice",
} as const;

/**
 * Checks or creates a path on the machine, depending on its type. Throws PodSpecError for one of another
 * type.
 */
export async function hostPath({ path, type = "" }: NonNullable<Volume["hostPath"]>): Promise<string> {
  if (type === "") return path;
  const found = await stat(path).catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  });
  if (found === undefined && type in made) {
    if (type === "DirectoryOrCreate") await makeDirectories(path, 0o755);
    else await (await open(path, "a", 0o644)).close();
    return path;
  }
  if (found?.[wanted[type]]() !== true)
    throw new PodSpecError("FailedPrecondition", `hostPath ${path} is not of type ${type}`);
  return path;
}
