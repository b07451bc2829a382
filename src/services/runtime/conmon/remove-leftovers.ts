import { existsSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { exists, ignoreMissing, readIfThere } from "../../../ground/fs/index.ts";
import type { HostPaths } from "../../../ground/hostpaths/index.ts";
import { type CgroupLayout, unmountBelow } from "../../../ground/linux/index.ts";
import type { Logger } from "../../../ground/logging/index.ts";
import { removeNow } from "../../../ground/trees/index.ts";
import type { CgroupDriver } from "../cgroups/cgroups-path.ts";
import { removeCgroup } from "../cgroups/remove-cgroup.ts";
import type { RuncLikeHandler } from "../handlers/handler.ts";
import { callRuntime } from "../oci-runtime/oci-runtime.ts";
import { isInOurMountNamespace } from "./mount-namespace.ts";
import { killMonitor } from "./start-monitor.ts";
import { removeTaskFiles, type TaskFiles } from "./task-files.ts";

export type Leftovers = {
  readonly id: string;
  /** Undefined if it is no longer configured: then only what can be found without it is removed. */
  readonly handler: RuncLikeHandler | undefined;
  readonly cgroupDriver: CgroupDriver;
  /** See TaskIdentity. */
  readonly cgroup: string | undefined;
  readonly layout: CgroupLayout;
  readonly files: TaskFiles;
  readonly foreignRoot: HostPaths | undefined;
  readonly logger: Logger;
};

/**
 * Removes what an interrupted creation has left, in the order of dependence: conmon and the OCI runtime's
 * process, what the runtime has created, the cgroup, and berth's files. Any of them may be missing.
 */
export async function removeLeftovers({
  id,
  handler,
  cgroupDriver,
  cgroup,
  layout,
  files,
  foreignRoot,
  logger,
}: Leftovers): Promise<void> {
  for (const pid of await monitorsOf(id, files)) await killMonitor(pid);
  if (handler !== undefined) {
    const call = {
      handler,
      cgroupDriver,
      logPath: files.runtimeLog("delete"),
      args: ["delete", "--force", id],
      timeoutMs: 10_000,
    };
    // An OCI runtime that has just failed may not know the container, or fail again; the original request has
    // already failed.
    await callRuntime(call).catch((err: unknown) =>
      logger.debug({ err, container: id }, "delete a container whose creation failed"),
    );
  }
  await removeContainerCgroup({ layout, cgroupDriver, cgroup });
  if (handler !== undefined) await removeRuntimeState(handler, id, foreignRoot);
  await removeTaskFiles(files);
}

/** Whether an OCI runtime has state of a container. */
export async function hasRuntimeState(
  handler: RuncLikeHandler,
  id: string,
  foreignRoot: HostPaths | undefined,
): Promise<boolean> {
  const directory = runtimeState(handler, id);
  if (foreignRoot === undefined) return existsSync(directory);
  return foreignRoot.of(id)(directory, () => exists(directory));
}

/** The directory with an OCI runtime's state of a container, below its root. */
export function runtimeState({ root }: RuncLikeHandler, id: string): string {
  return join(root, id);
}

/**
 * To be called when no process of the container is left: an OCI runtime that was killed, or cannot read its
 * files, leaves them. runc up to 1.1.14 mounts its own program there for a moment, and may leave that mount.
 */
export async function removeRuntimeState(
  handler: RuncLikeHandler,
  id: string,
  foreignRoot: HostPaths | undefined,
): Promise<void> {
  const directory = runtimeState(handler, id);
  const remove = async () => {
    await unmountBelow(directory);
    await rm(directory, { recursive: true, force: true });
  };
  if (foreignRoot !== undefined) return foreignRoot.of(id)(directory, remove);
  if (!removeNow(directory)) await remove();
}

/**
 * Removes a container's cgroup that the OCI runtime left; only with the cgroupfs driver, since systemd
 * removes its own.
 */
export async function removeContainerCgroup({
  layout,
  cgroupDriver,
  cgroup,
}: Pick<Leftovers, "layout" | "cgroupDriver" | "cgroup">): Promise<void> {
  if (cgroupDriver === "cgroupfs" && cgroup !== undefined) await removeCgroup(layout, cgroup);
}

/**
 * The pids of the container's conmon: the one in its file, if that process is still this conmon. The file is
 * written after conmon's start; in case the daemon was killed in between, all processes are searched.
 */
async function monitorsOf(id: string, files: TaskFiles): Promise<readonly number[]> {
  const pid = Number.parseInt((await readFile(files.monitorPidFile, "utf8").catch(ignoreMissing)) ?? "", 10);
  if (pid > 0) return (await isMonitorOf(id, files, pid)) ? [pid] : [];
  const pids = (await readdir("/proc")).map(Number).filter((number) => number > 0);
  const found = pids.map(async (each) =>
    (await isMonitorOf(id, files, each)) && (await isInOurMountNamespace(each)) ? [each] : [],
  );
  return (await Promise.all(found)).flat();
}

/** Two containers of different namespaces may have the same id. */
async function isMonitorOf(id: string, { bundleDir }: TaskFiles, pid: number): Promise<boolean> {
  const words = ((await readIfThere(`/proc/${pid}/cmdline`)) ?? "").split("\0");
  const after = (word: string) => words[words.indexOf(word) + 1];
  return after("--cid") === id && after("--bundle") === bundleDir;
}
