import { readdir, readlink } from "node:fs/promises";
import { ignoreGone, readIfThere } from "../../../ground/fs/index.ts";

/** Whether a process is in our mount namespace: otherwise, its paths may name other files. */
export async function isInOurMountNamespace(pid: number): Promise<boolean> {
  const [own, other] = await Promise.all([mountNamespaceOf("self"), mountNamespaceOf(pid)]);
  return own !== undefined && own === other;
}

/** Undefined if the process has ended. */
function mountNamespaceOf(process: number | "self"): Promise<string | undefined> {
  return readlink(`/proc/${process}/ns/mnt`).catch(ignoreGone);
}

/**
 * The pids of conmons in other mount namespaces than ours, in which the daemon that started them was, by
 * their bundles.
 */
export async function findMonitorsElsewhere(): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  const look = async (pid: number) => {
    const words = ((await readIfThere(`/proc/${pid}/cmdline`)) ?? "").split("\0");
    const bundleDir = words[words.indexOf("--bundle") + 1];
    const isMonitor = words.includes("--cid") && words.includes("--bundle");
    if (isMonitor && bundleDir !== undefined && !(await isInOurMountNamespace(pid)))
      found.set(bundleDir, pid);
  };
  const pids = (await readdir("/proc")).map(Number).filter((pid) => pid > 0);
  await Promise.all(pids.map(look));
  return found;
}
