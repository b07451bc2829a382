import { chmod } from "node:fs/promises";
import { makeDirectories } from "../../ground/directories/index.ts";
import { removeApart } from "../../ground/trees/index.ts";
import type { PodContext } from "./context.ts";
import { logDirectory, podDirectory } from "./paths.ts";
import type { Pod } from "./pod.ts";

/** Makes what must be there before a pod's sandbox is; harmless when it is there. */
export async function preparePod(pod: Pod, context: PodContext): Promise<void> {
  const directory = podDirectory(context, pod);
  await makeDirectories(directory, 0o750);
  // The root of a user namespace must get through.
  await chmod(directory, 0o751);
  await makeDirectories(logDirectory(context, pod), 0o755);
}

/** Removes all that a pod had on the machine, once none of its containers is left. */
export async function removePodFiles(pod: Pod, context: PodContext): Promise<void> {
  await removeApart(podDirectory(context, pod));
  await removeApart(logDirectory(context, pod));
}
