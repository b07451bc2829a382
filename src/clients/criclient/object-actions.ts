import {
  ContainerState,
  ListContainersRequest,
  RemoveContainerRequest,
  RemovePodSandboxRequest,
  RuntimeServiceService,
  StopContainerRequest,
  StopPodSandboxRequest,
} from "../../ground/protocol/index.ts";
import type { Client } from "./client.ts";

/** How long to wait for the response beyond a container's grace period. */
const answerMs = 60_000;

/** Stops a container: its stop signal, then SIGKILL after the grace period. */
export async function stopContainer(
  client: Client,
  containerId: string,
  graceSeconds: number,
): Promise<void> {
  const request = StopContainerRequest.fromPartial({ containerId, timeout: BigInt(graceSeconds) });
  await client.unary(RuntimeServiceService.stopContainer, request, {
    timeoutMs: graceSeconds * 1000 + answerMs,
  });
}

/** Stops a pod, its running containers first: CRI's StopPodSandbox alone would kill them. */
export async function stopPod(client: Client, podSandboxId: string, graceSeconds: number): Promise<void> {
  const running = await runningContainers(client, podSandboxId);
  await Promise.all(running.map((id) => stopContainer(client, id, graceSeconds)));
  await client.unary(
    RuntimeServiceService.stopPodSandbox,
    StopPodSandboxRequest.fromPartial({ podSandboxId }),
  );
}

export async function removeContainer(client: Client, containerId: string): Promise<void> {
  await client.unary(
    RuntimeServiceService.removeContainer,
    RemoveContainerRequest.fromPartial({ containerId }),
  );
}

/** Removes a pod and its containers. */
export async function removePod(client: Client, podSandboxId: string): Promise<void> {
  await client.unary(
    RuntimeServiceService.stopPodSandbox,
    StopPodSandboxRequest.fromPartial({ podSandboxId }),
  );
  await client.unary(
    RuntimeServiceService.removePodSandbox,
    RemovePodSandboxRequest.fromPartial({ podSandboxId }),
  );
}

/** Ids of the pod's running containers. */
export async function runningContainers(client: Client, podSandboxId: string): Promise<string[]> {
  const filter = { podSandboxId, state: { state: ContainerState.CONTAINER_RUNNING } };
  const { containers } = await client.unary(
    RuntimeServiceService.listContainers,
    ListContainersRequest.fromPartial({ filter }),
  );
  return containers.map(({ id }) => id);
}
