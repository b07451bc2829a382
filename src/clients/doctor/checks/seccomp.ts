import { type Check, ok, warn } from "../check.ts";
import { readKernelFile } from "../kernel-files.ts";

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
