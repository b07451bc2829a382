import { makeDirectories } from "../../ground/directories/index.ts";
import { unmountBelow } from "../../ground/linux/index.ts";
import { removeApart } from "../../ground/trees/index.ts";
import type { PodContext } from "./context.ts";
import { logDirectory, podDirectory, volumesDirectory } from "./paths.ts";
import type { Pod } from "./pod.ts";
import { freeUserNamespace } from "./user-namespace.ts";

/** Creates the files that a pod's sandbox needs; idempotent. */
export async function preparePod(pod: Pod, context: PodContext): Promise<void> {
  // Nobody else has access to its contents, which include secrets: containers get there through mounts.
  await makeDirectories(podDirectory(context, pod), 0o750);
  await makeDirectories(logDirectory(context, pod), 0o755);
}

/** Removes a pod's volumes, when none of its containers runs or will run again. */
export async function removePodVolumes(pod: Pod, context: PodContext): Promise<void> {
  await unmountBelow(podDirectory(context, pod));
  await removeTree(volumesDirectory(context, pod), context);
}

/** Removes everything that a pod has on the machine, when none of its containers is left. */
export async function removePodFiles(pod: Pod, context: PodContext): Promise<void> {
  await unmountBelow(podDirectory(context, pod));
  await removeTree(podDirectory(context, pod), context);
  await removeTree(logDirectory(context, pod), context);
  await freeUserNamespace(pod, context);
}

async function removeTree(path: string, { trees }: PodContext): Promise<void> {
  await (trees === undefined ? removeApart(path) : trees.remove(path));
}
