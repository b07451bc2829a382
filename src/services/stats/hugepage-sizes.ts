import { readdirSync } from "node:fs";

/** The page sizes that a cgroup's directory has files for; `form` finds one in a file's name. Undefined when the directory or the controller is not there. */
export function hugepageSizes(directory: string, form: RegExp): readonly string[] | undefined {
  try {
    const sizes = readdirSync(directory).flatMap((file) => form.exec(file)?.[1] ?? []);
    return sizes.length === 0 ? undefined : sizes;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
