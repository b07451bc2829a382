import { isAtLeast, kernelRelease } from "../../../ground/linux/index.ts";
import { type Check, type Finding, fail, ok, warn } from "../check.ts";
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

/** Does the kernel have overlayfs, which combines the layers of images? */
export const filesystemsCheck: Check = {
  name: "filesystems",
  async run({ config: { images } }) {
    const known = (await readKernelFile("/proc/filesystems")) ?? "";
    const erofs = images.snapshotter === "erofs" ? [await erofsFinding(known)] : [];
    if (/\boverlay$/m.test(known)) return [ok("overlayfs", "the kernel supports it"), ...erofs];
    const remedy =
      'run `modprobe overlay` and write "overlay" to /etc/modules-load.d/berth.conf, or set the snapshotter to "native"';
    return [
      fail("overlayfs", "the kernel does not support it, or its module is not loaded", remedy),
      ...erofs,
    ];
  },
};

/** Can layers be mounted from files, as the erofs snapshotter does? */
async function erofsFinding(known: string): Promise<Finding> {
  const kernel = kernelRelease();
  const overlayfs = 'set the snapshotter to "overlayfs"';
  if (!/\berofs$/m.test(known))
    return fail(
      "erofs",
      "the kernel does not support it, or its module is not loaded",
      `run \`modprobe erofs\` and write "erofs" to /etc/modules-load.d/berth.conf, or ${overlayfs}`,
    );
  if (!isAtLeast(kernel, 6, 12))
    return fail(
      "erofs",
      `Linux ${kernel.text} cannot mount it from files`,
      `install Linux 6.12 or later, or ${overlayfs}`,
    );
  const options = await readKernelFile(`/boot/config-${kernel.text}`);
  if (options !== undefined && !options.includes("CONFIG_EROFS_FS_BACKED_BY_FILE=y"))
    return fail(
      "erofs",
      "the kernel is built without CONFIG_EROFS_FS_BACKED_BY_FILE",
      `use a kernel with it, or ${overlayfs}`,
    );
  return ok("erofs", "the kernel mounts it from files");
}

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
