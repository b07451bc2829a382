import { chmod, chown, rename } from "node:fs/promises";
import { totalmem } from "node:os";
import { makeDirectories } from "../../../ground/directories/index.ts";
import { exists } from "../../../ground/fs/index.ts";
import { quantityValue } from "../../../ground/quantity/index.ts";
import type { Volume } from "../../manifests/index.ts";
import { podLimitsOf } from "../cgroups/pod-limits.ts";
import type { PodContext } from "../context.ts";
import { volumeDirectory } from "../paths.ts";
import type { Pod } from "../pod.ts";
import { memoryMount } from "./memory-mount.ts";

/** The path of an emptyDir, whether it exists or not. */
export function emptyDirPath(volume: Volume, pod: Pod, context: PodContext): string {
  return volumeDirectory(context, pod, "kubernetes.io~empty-dir", volume.name);
}

/** Creates the directory of an emptyDir, which exists as long as the pod. */
export async function emptyDir(volume: Volume, pod: Pod, context: PodContext): Promise<string> {
  const directory = emptyDirPath(volume, pod, context);
  const { medium = "", sizeLimit } = volume.emptyDir ?? {};
  // For memory, a kubelet keeps the kernel's mode, with which only its owner may remove a file.
  const mode = volume.emptyDir?.mode ?? (medium === "Memory" ? 0o1777 : 0o777);
  const { fsGroup } = pod.spec.securityContext ?? {};
  // Containers of any user may write to it; new files belong to the pod's group.
  const whole = { mode: fsGroup === undefined ? mode : mode | 0o2770, group: fsGroup };
  if (medium === "Memory") {
    const sizeBytes = Math.min(
      totalmem(),
      podLimitsOf(pod.spec).memoryBytes ?? totalmem(),
      quantityValue(sizeLimit ?? "") || totalmem(),
    );
    await memoryMount(directory, { ...whole, sizeBytes: Math.floor(sizeBytes) });
  } else if (!(await exists(directory))) await makeWhole(directory, whole);
  return directory;
}

/** Moves it to its path when it is complete; after a crash, it is created again. */
async function makeWhole(
  directory: string,
  { mode, group }: { readonly mode: number; readonly group: number | undefined },
): Promise<void> {
  // Volume names contain no dots.
  const making = `${directory}.making`;
  await makeDirectories(making, 0o755);
  if (group !== undefined) await chown(making, 0, group);
  await chmod(making, mode);
  await rename(making, directory);
}
