import { isEncryptedType, type LayerKey, plainType } from "../../parts/encryption/index.ts";
import {
  type Descriptor,
  type Digest,
  isErofsLayerType,
  isLayerType,
  type Manifest,
} from "../../parts/oci/index.ts";
import { chainIdOf } from "../snapshots/index.ts";
import { artifactFacts, isArtifact } from "./artifacts/artifact.ts";
import { ImageError } from "./image-error.ts";

/** One layer of an image and its position. */
export type PlannedLayer = {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  /** The key of its snapshot. */
  readonly chainId: Digest;
  readonly parent: Digest | undefined;
  /** The key of an encrypted layer, once it is known; see {@link "./layer-keys.ts"}. */
  readonly key?: LayerKey;
};

/**
 * The maximum of overlayfs (OVL_MAX_STACK in the kernel): a container from an image with more layers could
 * not be started.
 */
const maxLayers = 500;

/** Throws ImageError Unimplemented if the manifest is not that of a container image. */
export function checkIsImage(manifest: Manifest): void {
  if (!isArtifact(manifest)) return;
  throw new ImageError(
    "Unimplemented",
    `not a container image but an artifact of the type ${JSON.stringify(artifactFacts(manifest).type)}`,
  );
}

/**
 * The layers of an image, bottom first. Throws ImageError: Unimplemented for layers that cannot be unpacked,
 * InvalidArgument if manifest and config do not match.
 */
export function planLayers(
  layers: readonly Descriptor[],
  diffIds: readonly Digest[],
): readonly PlannedLayer[] {
  if (layers.length > maxLayers) {
    throw new ImageError(
      "Unimplemented",
      `the image has ${layers.length} layers, at most ${maxLayers} can be mounted; build it with fewer`,
    );
  }
  if (layers.length !== diffIds.length) {
    throw new ImageError(
      "InvalidArgument",
      `the manifest has ${layers.length} layers, the config ${diffIds.length} diff_ids`,
    );
  }
  let parent: Digest | undefined;
  return layers.map((descriptor, index) => {
    checkLayerType(descriptor);
    const diffId = diffIds[index];
    if (diffId === undefined) throw new ImageError("Internal", "layers and diff_ids differ in number");
    const layer = { descriptor, diffId, chainId: chainIdOf(parent, diffId), parent };
    parent = layer.chainId;
    return layer;
  });
}

function checkLayerType({ mediaType, digest }: Descriptor): void {
  if (isLayerType(mediaType)) return;
  const plain = plainType(mediaType);
  if (isEncryptedType(mediaType) && isLayerType(plain) && !isErofsLayerType(plain)) return;
  throw new ImageError(
    "Unimplemented",
    `layer ${digest} has the media type ${JSON.stringify(mediaType)}, which cannot be unpacked`,
  );
}
