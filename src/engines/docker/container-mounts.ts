import { posix } from "node:path";
import type { LookUp } from "../../ground/hostpaths/index.ts";
import { type ContainerConfig, type Mount, MountPropagation } from "../../ground/protocol/index.ts";
import type { DockerClient, DockerMount, NewContainer } from "../../parts/dockerapi/index.ts";
import { resolveMount } from "../../services/runtime/index.ts";

export type MountsOptions = {
  readonly client: Pick<DockerClient, "has">;
  /** Whether the engine applies SELinux labels to containers. */
  readonly hasSelinux: boolean;
  /** Resolves an image reference to its id. Throws EngineError NotFound. */
  readonly imageIdOf: (reference: string) => string;
  readonly absentMountSourcesToReject: readonly string[];
  /** The pod's files that Docker does not mount itself: host paths by their paths in the container. */
  readonly podFiles: Readonly<Record<string, string>>;
};

/**
 * A container's mounts in Docker's two forms, `Mounts` and the older `Binds`, of which only `Binds` can
 * relabel.
 */
export async function mountsOf(
  { mounts, linux }: Pick<ContainerConfig, "mounts" | "linux">,
  options: MountsOptions,
  lookUp: LookUp,
): Promise<Pick<NewContainer["HostConfig"], "Mounts" | "Binds">> {
  const isRelabelled = (mount: Mount) => options.hasSelinux && mount.selinuxRelabel && !isOfImage(mount);
  const own = mounts.filter((each) => !isRelabelled(each));
  // A kubelet mounts its own /etc/hosts.
  const taken = new Set(mounts.map(({ containerPath }) => posix.normalize(containerPath)));
  const ofPod = Object.entries(options.podFiles).filter(([target]) => !taken.has(target));
  // As for Docker's own files: they are read-only if the root file system is.
  const isReadOnly = linux?.securityContext?.readonlyRootfs ?? false;
  const binds = [
    ...(await Promise.all(mounts.filter(isRelabelled).map((each) => relabelledBind(each, options, lookUp)))),
    // All containers of the pod use them, so their SELinux label must be a shared one.
    ...(options.hasSelinux
      ? ofPod.map(([target, source]) => `${source}:${target}:${isReadOnly ? "ro" : "rw"},z`)
      : []),
  ];
  return {
    Mounts: [
      ...(await Promise.all(own.map((mount, index) => dockerMount(mount, index, options, lookUp)))),
      ...(options.hasSelinux ? [] : ofPod.map((file) => podFileMount(file, isReadOnly))),
    ],
    ...(binds.length > 0 && { Binds: binds }),
  };
}

function podFileMount([Target, Source]: readonly [string, string], ReadOnly: boolean): DockerMount {
  return { Type: "bind", Source, Target, ReadOnly, BindOptions: { Propagation: "rprivate" } };
}

async function dockerMount(
  mount: Mount,
  index: number,
  { client, absentMountSourcesToReject, imageIdOf }: MountsOptions,
  lookUp: LookUp,
): Promise<DockerMount> {
  const { containerPath: Target, readonly: ReadOnly, imageSubPath } = mount;
  if (isOfImage(mount)) {
    const Subpath = imageSubPath;
    const Source = nameOfOwn(imageIdOf(mount.image?.image ?? ""), index);
    const ofImage = { Type: "image", Source, Target, ReadOnly: true } as const;
    return Subpath === "" ? ofImage : { ...ofImage, ImageOptions: { Subpath } };
  }
  const { hostPath: Source } = await resolveMount(mount, absentMountSourcesToReject, lookUp);
  return {
    Type: "bind",
    Source,
    Target,
    ReadOnly,
    BindOptions: {
      Propagation: propagationOf(mount),
      // Since 25.0, read-only mounts are recursively read-only by default; kubelets request that explicitly.
      ...(ReadOnly &&
        client.has("1.44") && {
          [mount.recursiveReadOnly ? "ReadOnlyForceRecursive" : "ReadOnlyNonRecursive"]: true,
        }),
    },
  };
}

/**
 * Docker names the layer of an image mount after the container and the text of the source, and rejects a
 * second mount of the same image. So each mount names the image by a prefix of its id of another length, all
 * long enough to be unique.
 */
function nameOfOwn(imageId: string, index: number): string {
  const hex = imageId.slice(imageId.indexOf(":") + 1);
  return hex.slice(0, hex.length - (index % (hex.length / 2)));
}

function isOfImage({ image }: Mount): boolean {
  return (image?.image ?? "") !== "";
}

/** Only this form of a mount can request that everything in the source gets the container's own label. */
async function relabelledBind(
  mount: Mount,
  { client, absentMountSourcesToReject }: MountsOptions,
  lookUp: LookUp,
): Promise<string> {
  const { hostPath } = await resolveMount(mount, absentMountSourcesToReject, lookUp);
  const access = mount.readonly ? readOnlyMode(mount, client) : "rw";
  return `${hostPath}:${mount.containerPath}:${access},Z,${propagationOf(mount)}`;
}

function readOnlyMode({ recursiveReadOnly }: Mount, client: MountsOptions["client"]): string {
  if (!client.has("1.44")) return "ro";
  return recursiveReadOnly ? "ro-force-recursive" : "ro-non-recursive";
}

function propagationOf({ propagation }: Mount): "rprivate" | "rslave" | "rshared" {
  if (propagation === MountPropagation.PROPAGATION_BIDIRECTIONAL) return "rshared";
  return propagation === MountPropagation.PROPAGATION_HOST_TO_CONTAINER ? "rslave" : "rprivate";
}
