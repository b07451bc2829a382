import { readdirSync } from "node:fs";
import { isErrno } from "../../ground/fs/index.ts";

/**
 * The page sizes that a cgroup's directory has files for; `form` finds one in a file's name. Undefined when
 * the directory or the controller is not there.
 */
export function hugepageSizes(directory: string, form: RegExp): readonly string[] | undefined {
  try {
    const sizes = readdirSync(directory).flatMap((file) => form.exec(file)?.[1] ?? []);
    return sizes.length === 0 ? undefined : sizes;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
