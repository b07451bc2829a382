import { chmod, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { makeDirectories } from "../../ground/directories/index.ts";
import { type KeyValue, Mount } from "../../ground/protocol/index.ts";
import type { Volume } from "../manifests/index.ts";
import type { ContainerRequest } from "./container-request.ts";
import type { PodContext } from "./context.ts";
import { PodSpecError } from "./errors.ts";
import { terminationLog, volumeDirectory } from "./paths.ts";
import type { Pod } from "./pod.ts";

const defaultTerminationMessagePath = "/dev/termination-log";

/** What a container sees of the pod's volumes, and where it leaves its last words. */
export async function mountsOf(
  request: ContainerRequest,
  _variables: readonly KeyValue[],
): Promise<readonly Mount[]> {
  const { pod, container, context } = request;
  const mounts = await Promise.all(
    (container.volumeMounts ?? []).map(async ({ name, mountPath, readOnly = false }) => {
      const volume = pod.spec.volumes?.find((one) => one.name === name);
      if (volume === undefined) throw new PodSpecError("InvalidArgument", `there is no volume ${name}`);
      const hostPath = await hostPathOf(volume, pod, context);
      return Mount.fromPartial({ containerPath: mountPath, hostPath, readonly: readOnly });
    }),
  );
  return [...mounts, await terminationMessageMount(request)];
}

/** Where a volume is on the machine. */
async function hostPathOf(volume: Volume, pod: Pod, context: PodContext): Promise<string> {
  if (volume.hostPath !== undefined) return volume.hostPath.path;
  if (volume.emptyDir !== undefined) {
    const directory = volumeDirectory(context, pod, "kubernetes.io~empty-dir", volume.name);
    await makeDirectories(directory, 0o755);
    // Whoever a container runs as may write to it.
    await chmod(directory, 0o777);
    return directory;
  }
  const [kind = "of no kind"] = Object.keys(volume).filter((key) => key !== "name");
  throw new PodSpecError("Unimplemented", `volume ${volume.name}: ${kind} is not supported yet`);
}

async function terminationMessageMount(request: ContainerRequest): Promise<Mount> {
  const { pod, container, attempt, context } = request;
  const file = terminationLog(context, pod, container.name, attempt);
  await makeDirectories(dirname(file), 0o750);
  await writeFile(file, "", { mode: 0o666 });
  await chmod(file, 0o666);
  return Mount.fromPartial({
    containerPath: container.terminationMessagePath ?? defaultTerminationMessagePath,
    hostPath: file,
  });
}
