import { watch } from "node:fs";
import { messageOf } from "../../../ground/errors/index.ts";
import { type Check, type Finding, ok, warn } from "../check.ts";
import { readKernelFile } from "../kernel-files.ts";

/** Settings per machine or user that many pods can exhaust. */
const limits = [
  {
    key: "fs.inotify.max_user_instances",
    least: 512,
    runsOut: "file watchers in pods (and kubelets) fail with 'too many open files'",
  },
  {
    key: "fs.inotify.max_user_watches",
    least: 65_536,
    runsOut: "file watchers in pods fail with 'no space left on device'",
  },
  { key: "fs.file-max", least: 500_000, runsOut: "processes cannot open files" },
  { key: "kernel.pid_max", least: 32_768, runsOut: "processes cannot be started" },
  {
    key: "kernel.keys.root_maxkeys",
    least: 1_000,
    runsOut: "OCI runtimes cannot create session keyrings ('disk quota exceeded')",
  },
] as const;

/** Are the kernel's limits high enough for a node full of pods? */
export const limitsCheck: Check = {
  name: "limits",
  run: async () => [...(await Promise.all(limits.map(look))), lookForInotify()],
};

/** Found out by trying, because the kernel does not report how many are in use. */
function lookForInotify(): Finding {
  try {
    watch("/", { persistent: false }).close();
    return ok("inotify", "a process can watch files");
  } catch (error) {
    return warn(
      "inotify",
      `this user has used up its inotify instances: ${messageOf(error)}; berthd then polls every few seconds for exits and for changed network configurations`,
      'write "fs.inotify.max_user_instances=8192" to /etc/sysctl.d/90-berth.conf and run `sysctl --system`',
    );
  }
}

async function look({ key, least, runsOut }: (typeof limits)[number]): Promise<Finding> {
  const value = await readKernelFile(`/proc/sys/${key.replaceAll(".", "/")}`);
  if (value === undefined) return ok(key, "this kernel has no such limit");
  if (Number(value) >= least) return ok(key, value);
  const remedy = `write "${key}=${least}" to /etc/sysctl.d/90-berth.conf and run \`sysctl --system\``;
  return warn(key, `${value} is low: once it is reached, ${runsOut}`, remedy);
}
