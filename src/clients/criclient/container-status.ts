import {
  ContainerState,
  type ContainerStatus,
  ContainerStatusRequest,
  GetEventsRequest,
  RuntimeServiceService,
} from "../../ground/protocol/index.ts";
import type { Client } from "./client.ts";
import { CriClientError } from "./cri-client-error.ts";

const pollMs = 1_000;

/** Throws CriClientError NotFound. */
export async function containerStatus(client: Client, containerId: string): Promise<ContainerStatus> {
  const request = ContainerStatusRequest.fromPartial({ containerId });
  const { status } = await client.unary(RuntimeServiceService.containerStatus, request);
  if (status === undefined) throw new CriClientError("NotFound", `no such container: ${containerId}`);
  return status;
}

/**
 * Resolves with the container's status once it has ended, unless the signal aborts first. Polls every second,
 * and at once after an event of the container: not every runtime sends events, and events may be lost.
 */
export async function waitForExit(
  client: Client,
  containerId: string,
  signal?: AbortSignal,
): Promise<ContainerStatus> {
  const listening = new AbortController();
  let wake = () => {};
  const onAbort = () => wake();
  signal?.addEventListener("abort", onAbort);
  void listen(client, containerId, listening.signal, () => wake());
  try {
    while (true) {
      const { promise: news, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      const status = await containerStatus(client, containerId);
      if (hasEnded(status)) return status;
      signal?.throwIfAborted();
      const timer = setTimeout(resolve, pollMs);
      await news;
      clearTimeout(timer);
    }
  } finally {
    signal?.removeEventListener("abort", onAbort);
    listening.abort();
  }
}

const settleMs = 2_000;

/**
 * The status of a container whose output has ended, once the container has ended. Undefined if it does not
 * end soon: it may have closed its output and continue.
 */
export async function endedStatus(client: Client, containerId: string): Promise<ContainerStatus | undefined> {
  const patience = AbortSignal.timeout(settleMs);
  try {
    return await waitForExit(client, containerId, patience);
  } catch (error) {
    if (!patience.aborted) throw error;
    return undefined;
  }
}

function hasEnded({ state }: ContainerStatus): boolean {
  return state !== ContainerState.CONTAINER_RUNNING && state !== ContainerState.CONTAINER_CREATED;
}

async function listen(
  client: Client,
  containerId: string,
  signal: AbortSignal,
  onNews: () => void,
): Promise<void> {
  try {
    const events = client.serverStream(
      RuntimeServiceService.getContainerEvents,
      GetEventsRequest.fromPartial({}),
      { signal },
    );
    for await (const event of events) if (event.containerId === containerId) onNews();
  } catch {
    // A runtime without events: polling finds the end, too.
  }
}
