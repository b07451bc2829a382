import type { Handlers } from "../../ground/grpc/index.ts";
import { containerd } from "../../ground/protocol/index.ts";
import { isErofsLayerType, mediaType, parseDigest } from "../../parts/oci/index.ts";
import { readableMounts } from "../../services/diff/index.ts";
import type { Snapshotter } from "../../services/snapshots/index.ts";
import type { NamespaceStorage } from "../../services/storage/index.ts";
import type { ContainerdCall } from "./call.ts";
import { ContainerdError } from "./errors.ts";
import { addToLease } from "./lease-resources.ts";
import type { ServiceOptions } from "./options.ts";

type DiffHandlers = Handlers<typeof containerd.diffV1.DiffService, ContainerdCall>;

const { Descriptor } = containerd.types;

/** The service Diff: applies layers to mounts, and creates layers from the difference between mounts. */
export function diffHandlers({
  differ,
  layerDiffs,
}: Pick<ServiceOptions, "differ" | "layerDiffs">): DiffHandlers {
  return {
    async apply({ diff, mounts, syncFs: sync }, { namespace, signal }) {
      if (diff === undefined) throw new ContainerdError("InvalidArgument", "diff: must be set");
      const storage = await namespace();
      const layer = { mediaType: diff.mediaType, digest: parseDigest(diff.digest) };
      const { digest, size } = await differ.apply(storage.content, layer, mounts, {
        sync,
        signal,
        targetAt: (directory) => layerTargetAt(storage, directory),
      });
      return {
        applied: Descriptor.fromPartial({
          mediaType: isErofsLayerType(diff.mediaType) ? uncompressed(diff.mediaType) : mediaType.ociLayer,
          digest,
          size: BigInt(size),
        }),
      };
    },

    async diff(request, { namespace, leaseId, signal }) {
      const compression = compressionOf(request.mediaType);
      const mounts = { lower: readableMounts(request.left), upper: readableMounts(request.right) };
      const { ref, labels, sourceDateEpoch } = request;
      const storage = await namespace();
      if (ref !== "") await addToLease(storage, leaseId, { kind: "ingest", ref });
      const { descriptor } = await layerDiffs.compare(storage.content, mounts, {
        compression,
        labels,
        signal,
        latestSeconds: sourceDateEpoch === undefined ? undefined : Number(sourceDateEpoch.seconds),
        hold: (digest) => addToLease(storage, leaseId, { kind: "content", digest }),
        ...(ref === "" ? {} : { ref }),
      });
      const { digest, size } = descriptor;
      return {
        diff: Descriptor.fromPartial({ mediaType: descriptor.mediaType, digest, size: BigInt(size) }),
      };
    },
  };
}

/** The media type of an EROFS image, without the compression around it. */
function uncompressed(type: string): string {
  return type.split("+", 1)[0] ?? type;
}

/** The directory of the snapshot whose mounts a client sent. */
function layerTargetAt(
  storage: NamespaceStorage,
  directory: string,
): ReturnType<Snapshotter["layerTargetAt"]> {
  for (const snapshotter of storage.snapshotters()) {
    const target = snapshotter.layerTargetAt(directory);
    if (target !== undefined) return target;
  }
  return undefined;
}

const compressions: ReadonlyMap<string, "none" | "gzip" | "zstd"> = new Map([
  [mediaType.ociLayerGzip, "gzip"],
  [mediaType.ociLayer, "none"],
  [mediaType.ociLayerZstd, "zstd"],
]);

/** gzip if the client does not choose, as in containerd. */
function compressionOf(wanted: string): "none" | "gzip" | "zstd" {
  const compression = wanted === "" ? "gzip" : compressions.get(wanted);
  if (compression !== undefined) return compression;
  const known = [...compressions.keys()].join(", ");
  throw new ContainerdError(
    "Unimplemented",
    `media_type: ${JSON.stringify(wanted)} is not supported; give one of ${known}`,
  );
}
