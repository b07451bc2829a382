import type { ContainerStatus } from "../../protocol/index.ts";
import type { Client } from "../client/client.ts";
import { waitForExit } from "../client/container-status.ts";
import { copyLog } from "../client/copy-log.ts";
import { removeContainer, removePod, stopContainer, stopPod } from "../client/object-actions.ts";
import { exitCode } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import type { Clients, Running } from "./start.ts";

const graceSeconds = 10;

/**
 * Shows the container's output until it ends, puts away the pod that was made for it, and returns its exit status. When we are
 * interrupted, the container is stopped and its last output still shown.
 */
export async function followToEnd(
  { work, undo }: Clients,
  running: Running,
  { remove }: { readonly remove: boolean },
  invocation: Invocation,
): Promise<number> {
  const ended = waitOrStop({ work, undo }, running.containerId, invocation.signal);
  // Reading the log may fail before anybody waits for the end.
  ended.catch(() => {});
  try {
    await copyLog(undo, running.containerId, { until: ended }, {}, invocation);
    const { exitCode: status } = await ended;
    return invocation.signal.aborted ? exitCode.interrupted : status;
  } finally {
    await putAway(undo, running, remove);
  }
}

async function waitOrStop(
  { work, undo }: Clients,
  containerId: string,
  signal: AbortSignal,
): Promise<ContainerStatus> {
  try {
    return await waitForExit(work, containerId);
  } catch (error) {
    if (!signal.aborted) throw error;
    await stopContainer(undo, containerId, graceSeconds);
    return await waitForExit(undo, containerId);
  }
}

async function putAway(
  client: Client,
  { podId, containerId, ownsPod }: Running,
  remove: boolean,
): Promise<void> {
  if (ownsPod) await (remove ? removePod(client, podId) : stopPod(client, podId, graceSeconds));
  else if (remove) await removeContainer(client, containerId);
}
