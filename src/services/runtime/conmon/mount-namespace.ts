import { readdir, readlink } from "node:fs/promises";
import { ignoreGone, readIfThere } from "../../../ground/fs/index.ts";

/** Whether a process has our paths: those of another daemon may read the same, elsewhere. */
export async function isInOurMountNamespace(pid: number): Promise<boolean> {
  const [own, other] = await Promise.all([mountNamespaceOf("self"), mountNamespaceOf(pid)]);
  return own !== undefined && own === other;
}

/** Undefined if the process has ended. */
function mountNamespaceOf(process: number | "self"): Promise<string | undefined> {
  return readlink(`/proc/${process}/ns/mnt`).catch(ignoreGone);
}

/**
 * The pid of a conmon that runs one of these bundles in a mount namespace other than ours, where the daemon
 * that started it was; undefined if there is none.
 */
export async function findMonitorElsewhere(bundleDirs: ReadonlySet<string>): Promise<number | undefined> {
  const pids = (await readdir("/proc")).map(Number).filter((pid) => pid > 0);
  const found = pids.map(async (pid) => {
    const words = ((await readIfThere(`/proc/${pid}/cmdline`)) ?? "").split("\0");
    const isMonitor = words.includes("--cid") && bundleDirs.has(words[words.indexOf("--bundle") + 1] ?? "");
    return isMonitor && !(await isInOurMountNamespace(pid)) ? pid : undefined;
  });
  return (await Promise.all(found)).find((pid) => pid !== undefined);
}
