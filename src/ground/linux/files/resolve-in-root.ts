import { readlink } from "node:fs/promises";
import { callAsync } from "../libc.ts";
import { closeDescriptorAsync } from "./descriptors.ts";
import { cString, toByteString } from "./files-names.ts";
import { openDirectory } from "./files-open.ts";
import { openat2, openHow, resolve, SYS_openat2 } from "./openat2.ts";

const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;
const how = openHow(O_PATH | O_CLOEXEC, resolve.inRoot | resolve.noMagicLinks);

/**
 * Resolves `path` for a process whose root directory is `root`, to a path without symbolic links: absolute
 * links start there, and no `..` leads above it. The result is valid as long as nobody changes the tree.
 * Needs Linux 5.6. Throws LinuxError (ENOENT, ENOTDIR, ELOOP).
 */
export async function resolveInRoot(root: string, path: string): Promise<string> {
  const anchor = openDirectory(root);
  try {
    const name = cString(toByteString(path === "" ? "." : path));
    const args = [SYS_openat2, anchor, name, how, how.length];
    const fd = await callAsync("openat2", openat2, args, `${path} in ${root}`);
    try {
      return await readlink(`/proc/self/fd/${fd}`);
    } finally {
      await closeDescriptorAsync(fd);
    }
  } finally {
    await closeDescriptorAsync(anchor);
  }
}
