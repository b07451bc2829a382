import { type Check, fail, ok } from "../check.ts";
import { readKernelFile } from "../kernel-files.ts";

/** Does the kernel have overlayfs, which puts the layers of images together? */
export const filesystemsCheck: Check = {
  name: "filesystems",
  async run() {
    const known = (await readKernelFile("/proc/filesystems")) ?? "";
    if (/\boverlay$/m.test(known)) return [ok("overlayfs", "the kernel supports it")];
    const remedy =
      'run `modprobe overlay` and write "overlay" to /etc/modules-load.d/berth.conf, or set the snapshotter to "native"';
    return [fail("overlayfs", "the kernel does not support it, or its module is not loaded", remedy)];
  },
};
