import { dirname, join } from "node:path";
import { makeDirectories } from "../../../ground/directories/index.ts";
import { codeOf, messageOf } from "../../../ground/errors/index.ts";
import {
  type ContainerConfig,
  CreateContainerRequest,
  type PodSandboxConfig,
  PodSandboxStatusRequest,
  RunPodSandboxRequest,
  RuntimeServiceService,
  StartContainerRequest,
} from "../../../ground/protocol/index.ts";
import { type Client, findPod, Hold, removeContainer, removePod } from "../../criclient/index.ts";
import { CliError } from "../errors.ts";
import { inExistingPod, newSandbox, runContainer } from "./configurations.ts";
import type { RunPod } from "./new-pod.ts";
import type { RunOptions } from "./options.ts";

/** A running container and its pod. */
export type Running = {
  readonly containerId: string;
  readonly podId: string;
  readonly ownsPod: boolean;
  /** Taken before the container could end. Whoever follows the container to its end disposes of it. */
  readonly hold: Hold;
};

type Sandbox = {
  readonly id: string;
  readonly config: PodSandboxConfig;
  readonly pod: RunPod;
  readonly owned: boolean;
};

/**
 * A client to work with, and one that still works after the first was interrupted, to undo what was started.
 */
export type Clients = { readonly work: Client; readonly undo: Client };

export type RunRequest = {
  readonly pod: RunPod;
  readonly imageId: string;
  readonly options: RunOptions;
  /** Of the image, which the container itself keeps once it exists: only then is this one disposed of. */
  readonly imageHold: AsyncDisposable;
  /** Called with the container's id after it was created and before it is started. */
  readonly beforeStart?: (containerId: string) => Promise<void>;
};

/**
 * Creates the pod, unless another one was named, and the container, and starts it. After a failure, removes
 * what was created.
 */
export async function startContainer(clients: Clients, request: RunRequest): Promise<Running> {
  const sandbox = await useSandbox(clients.work, request);
  try {
    const of = { sandbox: sandbox.config, imageId: request.imageId };
    const config = await runContainer(sandbox.pod, of, request.options);
    const made = await createAndStart(clients, sandbox, config, request);
    return { ...made, podId: sandbox.id, ownsPod: sandbox.owned };
  } catch (error) {
    if (sandbox.owned) await undo(error, () => removePod(clients.undo, sandbox.id));
    throw error;
  }
}

async function useSandbox(client: Client, { pod, options }: RunRequest): Promise<Sandbox> {
  if (options.pod !== undefined) return await existingSandbox(client, options.pod, pod, options);
  const config = await newSandbox(pod, options);
  const runtimeHandler = pod.spec.runtimeClassName ?? "";
  const request = RunPodSandboxRequest.fromPartial({ config, runtimeHandler });
  const { podSandboxId } = await client.unary(RuntimeServiceService.runPodSandbox, request);
  return { id: podSandboxId, config, pod, owned: true };
}

async function existingSandbox(
  client: Client,
  name: string,
  pod: RunPod,
  options: RunOptions,
): Promise<Sandbox> {
  const { id } = await findPod(client, name);
  const request = PodSandboxStatusRequest.fromPartial({ podSandboxId: id });
  const { status } = await client.unary(RuntimeServiceService.podSandboxStatus, request);
  if (status === undefined) throw new CliError("NotFound", `pod ${name} was removed meanwhile`);
  const existing = inExistingPod(pod, status, options);
  return { id, config: existing.sandbox, pod: existing.pod, owned: false };
}

async function createAndStart(
  { work, undo: undoClient }: Clients,
  sandbox: Sandbox,
  config: ContainerConfig,
  { options, imageHold, beforeStart }: RunRequest,
): Promise<Pick<Running, "containerId" | "hold">> {
  await makeLogDirectory(dirname(join(sandbox.config.logDirectory, config.logPath)));
  const request = CreateContainerRequest.fromPartial({
    podSandboxId: sandbox.id,
    config,
    sandboxConfig: sandbox.config,
  });
  const { containerId } = await work.unary(RuntimeServiceService.createContainer, request);
  const hold = Hold.ofContainer(undoClient, containerId);
  try {
    await imageHold[Symbol.asyncDispose]();
    if (options.detach !== true) await hold.take();
    await beforeStart?.(containerId);
    await work.unary(
      RuntimeServiceService.startContainer,
      StartContainerRequest.fromPartial({ containerId }),
    );
    return { containerId, hold };
  } catch (error) {
    await hold[Symbol.asyncDispose]();
    if (!sandbox.owned) await undo(error, () => removeContainer(undoClient, containerId));
    throw error;
  }
}

/** Kubelets create the directories of logs, so runtimes expect them to exist. Throws CliError. */
async function makeLogDirectory(path: string): Promise<void> {
  try {
    await makeDirectories(path, 0o700);
  } catch (cause) {
    const message = `the log directory ${path} cannot be created: ${messageOf(cause)}; --log-dir names another one`;
    throw new CliError(codeOf(cause), message, { cause });
  }
}

/** Runs an undo step after a failure; if that fails, too, both errors are reported. */
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
