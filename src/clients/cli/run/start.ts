import { dirname, join } from "node:path";
import { makeDirectories } from "../../../ground/directories/index.ts";
import {
  type ContainerConfig,
  CreateContainerRequest,
  type PodSandboxConfig,
  PodSandboxStatusRequest,
  RunPodSandboxRequest,
  RuntimeServiceService,
  StartContainerRequest,
} from "../../../ground/protocol/index.ts";
import { type Client, ContainerHold, findPod, removeContainer, removePod } from "../../criclient/index.ts";
import { CliError } from "../errors.ts";
import { containerConfig } from "./container-config.ts";
import type { RunOptions } from "./options.ts";
import { existingPodConfig, newPodConfig } from "./pod-config.ts";

/** A container that runs, and the pod that it is in. */
export type Running = {
  readonly containerId: string;
  readonly podId: string;
  readonly ownsPod: boolean;
  /** Taken before the container could end. For who follows it to its end; disposed of by them. */
  readonly hold: ContainerHold;
};

type Pod = { readonly id: string; readonly config: PodSandboxConfig; readonly owned: boolean };

/** A client to work with, and one that still works when the first is interrupted, to undo what was begun. */
export type Clients = { readonly work: Client; readonly undo: Client };

export type RunRequest = {
  readonly image: string;
  readonly imageId: string;
  readonly args: readonly string[];
  readonly options: RunOptions;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Called with the container's id when it is made and does not run yet. */
  readonly beforeStart?: (containerId: string) => Promise<void>;
};

/**
 * Makes the pod, if no other was named, and the container, and starts it. What was made is removed when a
 * later step fails.
 */
export async function startContainer(clients: Clients, request: RunRequest): Promise<Running> {
  const pod = await usePod(clients.work, request);
  try {
    const config = containerConfig(request, pod.config, request.options, request.env);
    const made = await createAndStart(clients, pod, config, request);
    return { ...made, podId: pod.id, ownsPod: pod.owned };
  } catch (error) {
    if (pod.owned) await undo(error, () => removePod(clients.undo, pod.id));
    throw error;
  }
}

async function usePod(client: Client, { image, options }: RunRequest): Promise<Pod> {
  if (options.pod !== undefined) return existingPod(client, options.pod, options);
  const config = newPodConfig(image, options);
  const request = RunPodSandboxRequest.fromPartial({ config, runtimeHandler: options.handler ?? "" });
  const { podSandboxId } = await client.unary(RuntimeServiceService.runPodSandbox, request);
  return { id: podSandboxId, config, owned: true };
}

async function existingPod(client: Client, name: string, options: RunOptions): Promise<Pod> {
  const { id } = await findPod(client, name);
  const request = PodSandboxStatusRequest.fromPartial({ podSandboxId: id });
  const { status } = await client.unary(RuntimeServiceService.podSandboxStatus, request);
  if (status === undefined) throw new CliError("NotFound", `pod ${name} was removed meanwhile`);
  return { id, config: existingPodConfig(status, options), owned: false };
}

async function createAndStart(
  { work, undo: undoClient }: Clients,
  pod: Pod,
  config: ContainerConfig,
  { options, beforeStart }: RunRequest,
): Promise<Pick<Running, "containerId" | "hold">> {
  // The kubelet makes the directories of logs, so runtimes expect them to be there.
  await makeDirectories(dirname(join(pod.config.logDirectory, config.logPath)), 0o700);
  const request = CreateContainerRequest.fromPartial({
    podSandboxId: pod.id,
    config,
    sandboxConfig: pod.config,
  });
  const { containerId } = await work.unary(RuntimeServiceService.createContainer, request);
  const hold = new ContainerHold(undoClient, containerId);
  try {
    if (options.detach !== true) await hold.take();
    await beforeStart?.(containerId);
    await work.unary(
      RuntimeServiceService.startContainer,
      StartContainerRequest.fromPartial({ containerId }),
    );
    return { containerId, hold };
  } catch (error) {
    await hold[Symbol.asyncDispose]();
    if (!pod.owned) await undo(error, () => removeContainer(undoClient, containerId));
    throw error;
  }
}

/** Undoes after a failure; when that fails too, both are told. */
async function undo(failure: unknown, step: () => Promise<void>): Promise<void> {
  try {
    await step();
  } catch (error) {
    const message = `${failure instanceof Error ? failure.message : String(failure)}; cleaning up failed, too`;
    throw new CliError("Internal", `${message}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: failure,
    });
  }
}
