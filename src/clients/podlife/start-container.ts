import { dirname, join } from "node:path";
import { makeDirectories } from "../../ground/directories/index.ts";
import { messageOf } from "../../ground/errors/index.ts";
import type { PodSandboxConfig } from "../../ground/protocol/index.ts";
import type { Container } from "../manifests/index.ts";
import { containerConfig, type MachineMemory, runsAsImageUser } from "../podspec/index.ts";
import { runHook } from "./handlers/run-hook.ts";
import type { PodImages, Pullable } from "./images.ts";
import { graceSecondsOf, type PodWork } from "./pod-work.ts";
import { StartFailure, type StartFailureReason } from "./start-failure.ts";
import { stopContainer } from "./stop-containers.ts";

export type StartRequest = PodWork & {
  readonly images: PodImages;
  readonly container: Container;
  readonly attempt: number;
  readonly sandboxId: string;
  readonly sandbox: PodSandboxConfig;
  readonly machine: MachineMemory;
  readonly targetId: string | undefined;
  readonly podIps: readonly string[];
};

/**
 * Pulls the image, creates the container, starts it, and waits for its postStart hook, as a kubelet does in
 * one step. Returns its id. Throws StartFailure, or the signal's reason.
 */
export async function startContainer(request: StartRequest, signal: AbortSignal): Promise<string> {
  const { runtime, pod, container, observer, onEvent } = request;
  const { name } = container;
  const id = await makeContainer(request, signal);
  onEvent("Normal", "Created", `container ${name} created`);
  observer(`pod-container-start ${name}`);
  await step("RunContainerError", () => runtime.startContainer(id));
  observer(`pod-container-started ${name}`);
  onEvent("Normal", "Started", `container ${name} started`);
  const hook = container.lifecycle?.postStart;
  if (hook === undefined) return id;
  const target = { container, id, containerId: id, podIp: request.podIps[0] ?? "" };
  const failure = await runHook(request, hook, target, hookLimitMs, signal);
  if (failure === undefined) return id;
  onEvent("Warning", "FailedPostStartHook", `postStart hook of container ${name} failed: ${failure}`);
  await stopContainer({ ...request, podIp: target.podIp, hurry: signal }, target, graceSecondsOf(pod));
  throw new StartFailure("PostStartHookError", `postStart hook failed: ${failure}`, 0);
}

/** Creates the container while its image, and those of its volumes, are held. */
async function makeContainer(request: StartRequest, signal: AbortSignal): Promise<string> {
  const { runtime, images, pod, container, attempt, sandboxId, sandbox, observer } = request;
  const { name } = container;
  observer(`pod-image ${name}`);
  await using held = new AsyncDisposableStack();
  held.use(await runtime.holdImage(container.image));
  const imageId = await images.ensure(container, sandbox, signal);
  const volumeImageIds = new Map<string, string>();
  for (const [volume, image] of imageVolumes(request)) {
    held.use(await runtime.holdImage(image.image));
    volumeImageIds.set(volume, await images.ensure(image, sandbox, signal));
  }
  observer(`pod-volumes ${name}`);
  const config = await step("CreateContainerConfigError", async () => {
    const imageUser = runsAsImageUser(pod, container) ? await runtime.imageUser(imageId) : {};
    if (imageUser === undefined)
      throw new StartFailure(
        "CreateContainerConfigError",
        `image ${container.image} was removed before its container was created; it is tried again`,
      );
    return await containerConfig({ ...request, attempt, imageId, imageUser, volumeImageIds });
  });
  // Kubelets create the directories of logs, so runtimes expect them to exist.
  await makeDirectories(dirname(join(sandbox.logDirectory, config.logPath)), 0o755);
  signal.throwIfAborted();
  observer(`pod-container ${name}`);
  return await step("CreateContainerError", () => runtime.createContainer(sandboxId, config, sandbox));
}

/** The images that a container mounts, by volume. */
function imageVolumes({ pod, container }: StartRequest): readonly (readonly [string, Pullable])[] {
  const mounted = new Set(container.volumeMounts?.map(({ name }) => name));
  return (pod.spec.volumes ?? []).flatMap(({ name, image }) => {
    if (image === undefined || !mounted.has(name)) return [];
    const { reference, pullPolicy: imagePullPolicy } = image;
    const policy = imagePullPolicy === undefined ? {} : { imagePullPolicy };
    return [[name, { image: reference, ...policy }] as const];
  });
}

/** Hooks have no limit of their own; nobody waits longer than a day. */
const hookLimitMs = 86_400_000;

async function step<T>(reason: StartFailureReason, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new StartFailure(reason, messageOf(error));
  }
}
