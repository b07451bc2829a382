import { isAtLeast, kernelRelease } from "../../../ground/linux/index.ts";
import { type Check, fail, ok, warn } from "../check.ts";

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
