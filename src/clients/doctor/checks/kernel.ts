import { isAtLeast, kernelRelease } from "../../../ground/linux/index.ts";
import { type Check, fail, ok, warn } from "../check.ts";
import { readKernelFile } from "../kernel-files.ts";

/** Is the kernel new enough? */
export const kernelCheck: Check = {
  name: "kernel",
  async run() {
    const kernel = kernelRelease();
    if (!isAtLeast(kernel, 4, 18)) {
      return [
        fail("kernel", `Linux ${kernel.text} is too old`, "install Linux 5.12 or later (4.18 at least)"),
      ];
    }
    if (!isAtLeast(kernel, 5, 12)) {
      const detail = `Linux ${kernel.text} has no mount_setattr: recursive read-only mounts and user namespaces do not work`;
      return [warn("kernel", detail, "install Linux 5.12 or later")];
    }
    return [ok("kernel", `Linux ${kernel.text}`)];
  },
};

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

/** Can system calls be filtered? */
export const seccompCheck: Check = {
  name: "seccomp",
  async run() {
    const actions = await readKernelFile("/proc/sys/kernel/seccomp/actions_avail");
    if (actions !== undefined) return [ok("seccomp", "the kernel filters system calls")];
    const remedy =
      "use a kernel with CONFIG_SECCOMP_FILTER; until then every container runs as if unconfined";
    return [warn("seccomp", "the kernel cannot filter system calls", remedy)];
  },
};
