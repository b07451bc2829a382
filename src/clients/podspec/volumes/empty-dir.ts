import { chmod, chown, rename } from "node:fs/promises";
import { totalmem } from "node:os";
import { makeDirectories } from "../../../ground/directories/index.ts";
import { exists } from "../../../ground/fs/index.ts";
import { quantityValue } from "../../../ground/quantity/index.ts";
import { hugePageSize, type PodSpec, type Volume } from "../../manifests/index.ts";
import { hugePages, podLimitsOf } from "../cgroups/pod-limits.ts";
import { podRequests } from "../cgroups/pod-requests.ts";
import type { PodContext } from "../context.ts";
import { PodSpecError } from "../errors.ts";
import { volumeDirectory } from "../paths.ts";
import type { Pod } from "../pod.ts";
import { hugePageMount, memoryMount } from "./memory-mount.ts";

/** The path of an emptyDir, whether it exists or not. */
export function emptyDirPath(volume: Volume, pod: Pod, context: PodContext): string {
  return volumeDirectory(context, pod, "kubernetes.io~empty-dir", volume.name);
}

/** Creates the directory of an emptyDir, which exists as long as the pod. */
export async function emptyDir(volume: Volume, pod: Pod, context: PodContext): Promise<string> {
  const directory = emptyDirPath(volume, pod, context);
  const { medium = "", sizeLimit } = volume.emptyDir ?? {};
  // For memory and huge pages, a kubelet keeps the kernel's mode: only its owner may remove a file, or write.
  const mode = volume.emptyDir?.mode ?? (isOnDisk(medium) ? 0o777 : medium === "Memory" ? 0o1777 : 0o755);
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
  } else if (!isOnDisk(medium)) {
    const pageBytes = pageSizeOf(medium, pod.spec);
    const sizeBytes = quantityValue(sizeLimit ?? "") || undefined;
    await hugePageMount(directory, { ...whole, pageBytes, sizeBytes });
  } else if (!(await exists(directory))) await makeWhole(directory, whole);
  return directory;
}

function isOnDisk(medium: string): boolean {
  return medium === "";
}

/** The size of pages of a medium, which is one that the pod requests. Throws PodSpecError. */
function pageSizeOf(medium: string, spec: PodSpec): number {
  const requested = [...hugePages(podRequests(spec))].filter(([, bytes]) => bytes > 0).map(([size]) => size);
  const wanted = hugePageSize(medium);
  const [size, ...others] = wanted === undefined ? requested : requested.filter((one) => one === wanted);
  const resource =
    medium === "HugePages" ? "hugepages-2Mi or the like" : `hugepages-${medium.slice("HugePages-".length)}`;
  if (size === undefined)
    throw new PodSpecError(
      "InvalidArgument",
      `emptyDir of medium ${medium}: no container requests ${resource}`,
    );
  if (others.length > 0)
    throw new PodSpecError(
      "InvalidArgument",
      "emptyDir of medium HugePages: the pod requests several page sizes; name one, as in HugePages-2Mi",
    );
  return size;
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
