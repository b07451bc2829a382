import { containerd } from "../../ground/protocol/index.ts";
import { type Digest, digestOf, mediaType, parseDigest } from "../../parts/oci/index.ts";
import type { Container } from "../../services/containers/index.ts";
import { type LayerDiffs, readableMounts } from "../../services/diff/index.ts";
import type { NamespaceStorage } from "../../services/storage/index.ts";
import type { CheckpointRequest } from "../../services/tasks/index.ts";
import { ContainerdError } from "./errors.ts";
import { addToLease } from "./lease-resources.ts";
import { ofType, toAny } from "./messages.ts";
import type { ServiceOptions } from "./options.ts";

type Descriptor = containerd.types.Descriptor;

/** Media types of checkpoints (containerd's core/images/mediatypes.go). */
const images = "application/vnd.containerd.container.criu.checkpoint.criu.tar";
const config = "application/vnd.containerd.container.checkpoint.config.v1+proto";

const cgroupsModes = ["soft", "full", "strict", "ignore"] as const;

/** Parses a checkpoint request. Throws InvalidArgument, Unimplemented. */
export function checkpointRequest({
  options,
  parentCheckpoint,
}: Pick<containerd.tasksV1.CheckpointTaskRequest, "options" | "parentCheckpoint">): CheckpointRequest {
  const { CheckpointOptions } = containerd.runcOptions;
  const asked =
    options === undefined || options.typeUrl === ""
      ? CheckpointOptions.fromPartial({ fileLocks: true })
      : ofType(options, "containerd.runc.v1.CheckpointOptions", CheckpointOptions);
  const { exit, externalUnixSockets, terminal, cgroupsMode, imagePath, workPath } = asked;
  const { emptyNamespaces, parentPath } = asked;
  const mode = cgroupsModes.find((each) => each === cgroupsMode);
  if (mode === undefined && cgroupsMode !== "")
    throw new ContainerdError(
      "InvalidArgument",
      `options: cgroups_mode: ${JSON.stringify(cgroupsMode)}; give one of ${cgroupsModes.join(", ")}`,
    );
  for (const [field, isAsked] of Object.entries({
    "options: empty_namespaces": emptyNamespaces.length > 0,
    "options: parent_path": parentPath !== "",
    parent_checkpoint: parentCheckpoint !== "",
  }))
    if (isAsked) throw new ContainerdError("Unimplemented", `${field}: is not supported; leave it out`);
  return { exit, externalUnixSockets, terminal, cgroupsMode: mode, imagePath, workPath };
}

/**
 * Stores criu's files and the container's specification in the content store, in the form from which
 * containerd's clients restore, and adds them to the call's lease.
 */
export async function storeCheckpoint(
  imageDir: string,
  container: Container,
  {
    storage,
    layerDiffs,
    leaseId,
    signal,
  }: {
    readonly storage: NamespaceStorage;
    readonly layerDiffs: LayerDiffs;
    readonly leaseId: string;
    readonly signal: AbortSignal;
  },
): Promise<Descriptor[]> {
  const { content } = storage;
  const hold = (digest: Digest) => addToLease(storage, leaseId, { kind: "content", digest });
  const { descriptor } = await layerDiffs.compare(
    content,
    { lower: [], upper: readableMounts([treeAt(imageDir, "ro")]) },
    { compression: "none", latestSeconds: undefined, hold, signal },
  );
  const spec = containerd.types.Any.encode(toAny(container.spec ?? { typeUrl: "", value: new Uint8Array() }));
  const bytes = spec.finish();
  const digest = digestOf(bytes);
  await hold(digest);
  await content.put(bytes, { digest });
  return [
    toDescriptor(images, descriptor.digest, descriptor.size),
    toDescriptor(config, digest, bytes.length),
  ];
}

/**
 * Unpacks a checkpoint from the namespace's content. Throws Unimplemented, and the errors of Differ.apply.
 */
export async function unpackCheckpoint(
  { mediaType: type, digest }: Descriptor,
  directory: string,
  {
    storage: { content },
    differ,
    signal,
  }: {
    readonly storage: NamespaceStorage;
    readonly differ: ServiceOptions["differ"];
    readonly signal: AbortSignal;
  },
): Promise<void> {
  if (type !== images)
    throw new ContainerdError(
      "Unimplemented",
      `checkpoint: the media type ${JSON.stringify(type)}; give ${images}`,
    );
  const archive = { mediaType: mediaType.ociLayer, digest: parseDigest(digest) };
  await differ.apply(content, archive, [treeAt(directory, "rw")], { sync: false, signal });
}

function treeAt(source: string, access: "ro" | "rw") {
  return { type: "bind", source, target: "", options: ["rbind", access] };
}

function toDescriptor(type: string, digest: Digest, size: number): Descriptor {
  return { mediaType: type, digest, size: BigInt(size), annotations: {} };
}
