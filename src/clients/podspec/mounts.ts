import { chmod, chown, mkdir, open, rename, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeDirectories } from "../../ground/directories/index.ts";
import { isErrno } from "../../ground/fs/index.ts";
import { type KeyValue, Mount, MountPropagation } from "../../ground/protocol/index.ts";
import type { Volume, VolumeMount } from "../manifests/index.ts";
import type { ContainerRequest } from "./container-request.ts";
import { PodSpecError } from "./errors.ts";
import { podDirectory, terminationLog, volumeDirectory } from "./paths.ts";
import { type VolumeFile, volumeFiles } from "./volume-files.ts";

const defaultTerminationMessagePath = "/dev/termination-log";

/** What a container sees of the pod's volumes, its hosts file, and where it leaves its last words. */
export async function mountsOf(
  request: ContainerRequest,
  _variables: readonly KeyValue[],
): Promise<readonly Mount[]> {
  const mounts = await Promise.all(
    (request.container.volumeMounts ?? []).map((mount) => volumeMount(mount, request)),
  );
  return [...mounts, ...(await hostsMount(request)), await terminationMessageMount(request)];
}

async function volumeMount(mount: VolumeMount, request: ContainerRequest): Promise<Mount> {
  const {
    name,
    mountPath,
    readOnly = false,
    subPath,
    subPathExpr,
    mountPropagation,
    recursiveReadOnly,
  } = mount;
  const volume = request.pod.spec.volumes?.find((one) => one.name === name);
  if (volume === undefined) throw new PodSpecError("InvalidArgument", `there is no volume ${name}`);
  const recursive = recursiveReadOnly === "Enabled" || recursiveReadOnly === "IfPossible";
  const common = {
    containerPath: mountPath,
    propagation: propagations[mountPropagation ?? "None"],
    recursiveReadOnly: recursive,
  };
  if (volume.image !== undefined)
    return Mount.fromPartial({
      ...common,
      readonly: true,
      image: { image: volume.image.reference },
      imageSubPath: subPath ?? "",
    });
  // A path below a volume may be a link that a container has put there.
  if ((subPath ?? subPathExpr ?? "") !== "")
    throw new PodSpecError("Unimplemented", `volume ${name}: subPath is not supported yet`);
  const made = await hostPathOf(volume, request);
  const madeOfObjects = volume.configMap ?? volume.secret ?? volume.downwardAPI ?? volume.projected;
  return Mount.fromPartial({
    ...common,
    hostPath: made,
    readonly: readOnly || madeOfObjects !== undefined || volume.persistentVolumeClaim?.readOnly === true,
  });
}

const propagations = {
  None: MountPropagation.PROPAGATION_PRIVATE,
  HostToContainer: MountPropagation.PROPAGATION_HOST_TO_CONTAINER,
  Bidirectional: MountPropagation.PROPAGATION_BIDIRECTIONAL,
} as const;

/** Where a volume is on the machine. */
async function hostPathOf(volume: Volume, request: ContainerRequest): Promise<string> {
  const { pod, context } = request;
  if (volume.hostPath !== undefined) return await hostPath(volume.hostPath);
  if (volume.emptyDir !== undefined) return await emptyDir(volume, request);
  const { persistentVolumeClaim: claim } = volume;
  if (claim !== undefined) {
    const { namespace } = pod.metadata;
    const directory = await context.objects.claimDirectory(namespace, claim.claimName);
    if (directory !== undefined) return directory;
    throw new PodSpecError("NotFound", `PersistentVolumeClaim ${namespace}/${claim.claimName} not found`);
  }
  const files = volumeFiles(volume, request);
  if (files !== undefined) {
    const directory = volumeDirectory(context, pod, "berth~files", volume.name);
    await writeFiles(directory, files, pod.spec.securityContext?.fsGroup);
    return directory;
  }
  const [kind = "of no kind"] = Object.keys(volume).filter((key) => key !== "name");
  throw new PodSpecError("Unimplemented", `volume ${volume.name}: ${kind} is not supported yet`);
}

async function emptyDir(volume: Volume, { pod, context }: ContainerRequest): Promise<string> {
  if (volume.emptyDir?.medium === "Memory")
    throw new PodSpecError("Unimplemented", `volume ${volume.name}: medium Memory is not supported yet`);
  const directory = volumeDirectory(context, pod, "kubernetes.io~empty-dir", volume.name);
  await makeDirectories(directory, 0o755);
  const { fsGroup } = pod.spec.securityContext ?? {};
  if (fsGroup !== undefined) await chown(directory, 0, fsGroup);
  // Whoever a container runs as may write to it; what is made in it belongs to the pod's group.
  await chmod(directory, fsGroup === undefined ? (volume.emptyDir?.mode ?? 0o777) : 0o2777);
  return directory;
}

const made = { DirectoryOrCreate: "directory", FileOrCreate: "file" } as const;
const wanted = {
  Directory: "isDirectory",
  DirectoryOrCreate: "isDirectory",
  File: "isFile",
  FileOrCreate: "isFile",
  Socket: "isSocket",
  CharDevice: "isCharacterDevice",
  BlockDevice: "isBlockDevice",
} as const;

async function hostPath({ path, type = "" }: NonNullable<Volume["hostPath"]>): Promise<string> {
  if (type === "") return path;
  const found = await stat(path).catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  });
  if (found === undefined && type in made) {
    if (type === "DirectoryOrCreate") await makeDirectories(path, 0o755);
    else await (await open(path, "a", 0o644)).close();
    return path;
  }
  if (found?.[wanted[type]]() !== true)
    throw new PodSpecError("FailedPrecondition", `hostPath ${path} is no ${type}`);
  return path;
}

/** Each file is replaced as a whole; nobody but the pod may look into the directory. */
async function writeFiles(
  directory: string,
  files: readonly VolumeFile[],
  group: number | undefined,
): Promise<void> {
  await makeDirectories(directory, 0o755);
  for (const { path, content, mode } of files) {
    const file = join(directory, path);
    await mkdir(dirname(file), { recursive: true, mode: 0o755 });
    await writeFile(`${file}.new`, content, { mode: 0o600 });
    if (group !== undefined) await chown(`${file}.new`, 0, group);
    await chmod(`${file}.new`, group === undefined ? mode : mode | 0o440);
    await rename(`${file}.new`, file);
  }
}

/** As a kubelet writes it: with the pod's own address, and the aliases that it asks for. */
async function hostsMount({ pod, context, podIps }: ContainerRequest): Promise<readonly Mount[]> {
  const { hostNetwork, hostAliases = [], hostname = pod.metadata.name } = pod.spec;
  if (hostNetwork === true && hostAliases.length === 0) return [];
  const lines = [
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost ip6-loopback",
    ...podIps.map((ip) => `${ip}\t${hostname}`),
    ...hostAliases.map(({ ip, hostnames = [] }) => [ip, ...hostnames].join("\t")),
  ];
  const file = join(podDirectory(context, pod), "etc-hosts");
  await writeFile(file, `${lines.join("\n")}\n`, { mode: 0o644 });
  return [Mount.fromPartial({ containerPath: "/etc/hosts", hostPath: file })];
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
