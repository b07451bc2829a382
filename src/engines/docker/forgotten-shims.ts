import { readdir } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { readNow } from "../../ground/fs/index.ts";
import { isAlive, killProcessTree, processStartTime } from "../../ground/linux/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import type { ContainerSummary, DockerClient } from "../../parts/dockerapi/index.ts";
import { isRunning } from "./found.ts";
import { orNotFound } from "./requests.ts";

/** How long a container that an engine began to start while it hung may take to appear in its lists. */
const graceMs = 5000;

/** containerd's parent of a container's processes. If it is gone, containerd cleans up after it. */
export type Shim = { readonly containerId: string; readonly pid: number; readonly startTime: number };

/**
 * Ends containers that run without Docker knowing about them. If Docker Engine 20.10 is killed while it
 * starts a container, it later believes that the container was never started, and removes it without its
 * processes. `all` is the list of our containers in Docker.
 */
export async function endForgottenContainers(
  all: readonly ContainerSummary[],
  { client, logger }: { readonly client: Pick<DockerClient, "container">; readonly logger: Logger },
  signal: AbortSignal,
): Promise<void> {
  const resting = new Set(all.filter((each) => !isRunning(each)).map(({ Id }) => Id));
  const shims = (await findShims()).filter(({ containerId }) => resting.has(containerId));
  if (shims.length === 0) return;
  await delay(graceMs, undefined, { signal, ref: false });
  for (const shim of shims) {
    const { containerId: id } = shim;
    if ((await orNotFound(client.container(id, signal)))?.State.Running !== true) await endShim(shim, logger);
  }
}

/** Kills a shim that Docker has forgotten, with the processes of its container. */
export async function endShim({ containerId, pid, startTime }: Shim, logger: Logger): Promise<void> {
  if (!(await isAlive(pid, startTime))) return;
  logger.warn({ container: containerId }, "a container that Docker does not know to run is ended");
  await killProcessTree(pid);
}

/** Finds all shims. Their arguments name their container (containerd, "Runtime v2", "Command Line"). */
export async function findShims(): Promise<readonly Shim[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const shims = pids.map(async (pid): Promise<readonly Shim[]> => {
    const words = (readNow(`/proc/${pid}/cmdline`) ?? "").split("\0");
    const containerId = words[words.indexOf("-id") + 1] ?? "";
    if (!/^[0-9a-f]{64}$/.test(containerId) || !words.includes("-namespace")) return [];
    const startTime = await processStartTime(pid);
    return startTime === undefined ? [] : [{ containerId, pid, startTime }];
  });
  return (await Promise.all(shims)).flat();
}
