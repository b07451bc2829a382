import { readdir } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { hasCode } from "../../ground/errors/index.ts";
import { readNow } from "../../ground/fs/index.ts";
import { isAlive, killProcessTree, processStartTime } from "../../ground/linux/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import type { ContainerSummary, DockerClient } from "../../parts/dockerapi/index.ts";
import { isRunning } from "./found.ts";

/** What an engine that was not away, but hung, has begun may take as long to be told of. */
const graceMs = 5000;

type Shim = { readonly containerId: string; readonly pid: number; readonly startTime: number };

/**
 * Ends containers that run without Docker knowing it: Docker Engine 20.10 that is killed while it starts one
 * takes it for one that was never started, and removes it without its processes. The shim that containerd has
 * for each container is their parent, and containerd tidies up after a shim that is gone. `all` is what
 * Docker has of ours.
 */
export async function endForgotten(
  all: readonly ContainerSummary[],
  { client, logger }: { readonly client: Pick<DockerClient, "container">; readonly logger: Logger },
  signal: AbortSignal,
): Promise<void> {
  const resting = new Set(all.filter((each) => !isRunning(each)).map(({ Id }) => Id));
  const shims = (await findShims()).filter(({ containerId }) => resting.has(containerId));
  if (shims.length === 0) return;
  await delay(graceMs, undefined, { signal, ref: false });
  for (const { containerId, pid, startTime } of shims) {
    if (!(await isAlive(pid, startTime)) || (await isKnownToRun(client, containerId))) continue;
    logger.warn({ container: containerId }, "a container that Docker does not know to run is ended");
    await killProcessTree(pid);
  }
}

async function isKnownToRun(client: Pick<DockerClient, "container">, id: string): Promise<boolean> {
  try {
    return (await client.container(id)).State.Running;
  } catch (error) {
    if (!hasCode(error, "NotFound")) throw error;
    return false;
  }
}

/** Shims are told by their arguments whose they are (containerd, "Runtime v2", "Command Line"). */
async function findShims(): Promise<readonly Shim[]> {
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
