import { access } from "node:fs/promises";
import { exists } from "../../../ground/fs/index.ts";
import { type Check, type Finding, fail, ok, warn } from "../check.ts";
import { readKernelFile } from "../kernel-files.ts";

const needed = ["mnt", "net", "ipc", "uts", "pid"];

/** Does the kernel have the namespaces that pods are made of? */
export const namespacesCheck: Check = {
  name: "namespaces",
  async run() {
    const missing: string[] = [];
    for (const name of needed) await access(`/proc/self/ns/${name}`).catch(() => missing.push(name));
    if (missing.length > 0) {
      return [
        fail(
          "namespaces",
          `the kernel lacks: ${missing.join(", ")}`,
          "use a kernel with CONFIG_NAMESPACES and its sub-options",
        ),
      ];
    }
    return [ok("namespaces", needed.join(", ")), await userNamespaces()];
  },
};

async function userNamespaces(): Promise<Finding> {
  const title = "user namespaces";
  const max = await readKernelFile("/proc/sys/user/max_user_namespaces");
  if (max === undefined)
    return warn(
      title,
      "the kernel has no user namespaces: pods with hostUsers: false cannot run",
      "use a kernel with CONFIG_USER_NS",
    );
  if (max === "0")
    return warn(
      title,
      "disabled: pods with hostUsers: false cannot run",
      "run `sysctl -w user.max_user_namespaces=15000`",
    );
  const programs = await Promise.all(["/usr/bin/unshare", "/bin/unshare"].map(exists));
  if (!programs.includes(true))
    return warn(
      title,
      "the program unshare, which creates them, is not installed: pods with hostUsers: false cannot run",
      "install util-linux",
    );
  return ok(title, `up to ${max}`);
}
