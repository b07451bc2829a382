import type { PodSandboxConfig } from "../../ground/protocol/index.ts";
import { removePodFiles, sandboxConfig } from "../podspec/index.ts";
import { machineOf } from "./machine.ts";
import { type ObservedPod, observePod } from "./observe.ts";
import type { PodWork } from "./pod-work.ts";

/** Creates a sandbox, replacing those that have ended. Its files must be there. */
export async function createSandbox(work: PodWork, { oldSandboxes }: ObservedPod): Promise<void> {
  const { pod, runtime, observer, onEvent } = work;
  // Otherwise, what is left of the old one would run beside the new one.
  await stopSandboxes(work, oldSandboxes);
  const attempt = 1 + Math.max(-1, ...oldSandboxes.map(({ metadata }) => metadata?.attempt ?? 0));
  if (attempt > 0) onEvent("Normal", "SandboxChanged", "the pod's sandbox is gone and is recreated");
  const { cgroups } = await machineOf(runtime);
  observer("pod-cgroups");
  await cgroups?.make(pod);
  const config = await podSandboxConfig(work, attempt, (...problem) => onEvent("Warning", ...problem));
  observer("pod-sandbox");
  await runtime.runSandbox(config, pod.spec.runtimeClassName ?? "");
  observer("pod-sandbox-made");
}

/** The sandbox configuration for that attempt. */
export async function podSandboxConfig(
  { pod, runtime, context }: PodWork,
  attempt: number,
  onProblem?: (reason: string, message: string) => void,
): Promise<PodSandboxConfig> {
  const { cgroups } = await machineOf(runtime);
  return await sandboxConfig(pod, attempt, context, cgroups?.parentOf(pod) ?? "", onProblem);
}

export async function stopSandboxes(
  { runtime, observer }: PodWork,
  sandboxes: readonly { readonly id: string }[],
): Promise<void> {
  for (const { id } of sandboxes) {
    observer("pod-sandbox-stop");
    await runtime.stopSandbox(id);
  }
}

/** All sandboxes, newest first. */
export function allSandboxes({ sandbox, oldSandboxes }: ObservedPod): ObservedPod["oldSandboxes"] {
  return [...(sandbox === undefined ? [] : [sandbox]), ...oldSandboxes];
}

/** Removes everything that belongs to a pod, when nothing of it runs. */
export async function removePod({ pod, runtime, context, observer }: PodWork): Promise<void> {
  for (const { id } of allSandboxes(await observePod(runtime, pod.metadata.uid))) {
    observer("pod-sandbox-removal");
    await runtime.removeSandbox(id);
  }
  observer("pod-cgroups-removal");
  await (await machineOf(runtime)).cgroups?.remove(pod);
  observer("pod-files-removal");
  await removePodFiles(pod, context);
  observer("pod-removed");
}
