import { chmod, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeDirectories } from "../../ground/directories/index.ts";
import { type KeyValue, Mount, MountPropagation } from "../../ground/protocol/index.ts";
import type { VolumeMount } from "../manifests/index.ts";
import type { ContainerRequest } from "./container-request.ts";
import { PodSpecError } from "./errors.ts";
import { expandAll } from "./expansion.ts";
import { hostsFile } from "./hosts-file.ts";
import { podDirectory, terminationLog } from "./paths.ts";
import { mountSubPath } from "./volumes/sub-path.ts";
import { volumePath } from "./volumes/volume-path.ts";

const hostsPath = "/etc/hosts";
const defaultTerminationMessagePath = "/dev/termination-log";

/** The mounts of a container: the pod's volumes, its hosts file, and its termination log. */
export async function mountsOf(
  request: ContainerRequest,
  variables: readonly KeyValue[],
): Promise<readonly Mount[]> {
  const mounts: Mount[] = [];
  // Sequential: two mounts may have the same volume, which is created once.
  for (const [index, mount] of (request.container.volumeMounts ?? []).entries())
    mounts.push(await volumeMount(mount, index, request, variables));
  if (request.context.podsDir === undefined) return mounts;
  return [...mounts, ...(await hostsMount(request)), await terminationMessageMount(request)];
}

async function volumeMount(
  mount: VolumeMount,
  index: number,
  request: ContainerRequest,
  variables: readonly KeyValue[],
): Promise<Mount> {
  const { name, mountPath, readOnly = false, mountPropagation, recursiveReadOnly } = mount;
  const volume = request.pod.spec.volumes?.find((one) => one.name === name);
  if (volume === undefined) throw new PodSpecError("InvalidArgument", `no volume ${name}`);
  const subPath = subPathOf(mount, variables);
  const recursive = recursiveReadOnly === "Enabled" || recursiveReadOnly === "IfPossible";
  const common = {
    containerPath: mountPath,
    propagation: propagations[mountPropagation ?? "None"],
    recursiveReadOnly: recursive,
  };
  if (volume.image !== undefined) {
    const { reference } = volume.image;
    const image = request.volumeImageIds?.get(name) ?? reference;
    return Mount.fromPartial({
      ...common,
      readonly: true,
      image: { image, userSpecifiedImage: reference },
      imageSubPath: subPath,
    });
  }
  const path = await volumePath(volume, request);
  const madeOfObjects = volume.configMap ?? volume.secret ?? volume.downwardAPI ?? volume.projected;
  return Mount.fromPartial({
    ...common,
    hostPath: subPath === "" ? path : await mountedSubPath(path, subPath, name, index, request),
    readonly: readOnly || madeOfObjects !== undefined || volume.persistentVolumeClaim?.readOnly === true,
  });
}

/**
 * The path of a mount inside its volume. Throws PodSpecError for missing variables, or a path that leads out.
 */
function subPathOf({ subPath, subPathExpr }: VolumeMount, variables: readonly KeyValue[]): string {
  if (subPathExpr === undefined) return subPath ?? "";
  const path = expandAll(subPathExpr, variables);
  if (!path.startsWith("/") && !path.split("/").includes("..")) return path;
  throw new PodSpecError(
    "InvalidArgument",
    `subPathExpr ${JSON.stringify(subPathExpr)} must become a path below the volume, without ".."`,
  );
}

/** Each mount has its own mount point, which the container's next attempt reuses. */
async function mountedSubPath(
  volume: string,
  subPath: string,
  name: string,
  index: number,
  { pod, context, container }: ContainerRequest,
): Promise<string> {
  const below = join("volume-subpaths", name, container.name, String(index));
  const target = join(podDirectory(context, pod), below);
  await mountSubPath(volume, subPath, target);
  return target;
}

const propagations = {
  None: MountPropagation.PROPAGATION_PRIVATE,
  HostToContainer: MountPropagation.PROPAGATION_HOST_TO_CONTAINER,
  Bidirectional: MountPropagation.PROPAGATION_BIDIRECTIONAL,
} as const;

/** The mount of the hosts file, which all containers of a pod share. */
async function hostsMount({ pod, container, context, podIps }: ContainerRequest): Promise<readonly Mount[]> {
  // The container's own mount takes precedence.
  if (container.volumeMounts?.some(({ mountPath }) => mountPath === hostsPath) === true) return [];
  const file = join(podDirectory(context, pod), "etc-hosts");
  await writeFile(file, await hostsFile(pod, podIps), { mode: 0o644 });
  // The umask may have removed bits.
  await chmod(file, 0o644);
  return [Mount.fromPartial({ containerPath: hostsPath, hostPath: file })];
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
