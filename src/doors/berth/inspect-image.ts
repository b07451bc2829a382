import { berthV1 } from "../../ground/protocol/index.ts";
import type { Descriptor } from "../../parts/oci/index.ts";
import type { ImageDetails, ImageLayer } from "../../services/images/index.ts";

export function toInspectImageResponse(details: ImageDetails): berthV1.InspectImageResponse {
  const { image } = details;
  return berthV1.InspectImageResponse.fromPartial({
    id: image.id,
    repoTags: [...image.repoTags],
    repoDigests: [...image.repoDigests],
    pinned: image.pinned,
    size: BigInt(image.sizeBytes),
    targets: details.targets.map(toDescriptor),
    manifest: toDescriptor(image.manifest),
    manifestDocument: Buffer.from(details.manifestBytes),
    configDocument: Buffer.from(details.configBytes),
    layers: details.layers.map(toLayer),
    namedAt: details.namedAtNs,
  });
}

export function toDescriptor({ mediaType, digest, size }: Descriptor): berthV1.Descriptor {
  return { mediaType, digest, size: BigInt(size) };
}

function toLayer({ digest, diffId, unpackedBytes }: ImageLayer): berthV1.ImageLayer {
  return { digest, diffId, unpackedSize: unpackedBytes === undefined ? undefined : BigInt(unpackedBytes) };
}
