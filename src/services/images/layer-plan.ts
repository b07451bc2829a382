import { type Descriptor, type Digest, isLayerType, type Manifest } from "../../parts/oci/index.ts";
import { chainIdOf } from "../snapshots/index.ts";
import { artifactFacts, isArtifact } from "./artifacts/artifact.ts";
import { ImageError } from "./image-error.ts";

/** One layer of an image with its place in it. */
export type PlannedLayer = {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  /** The name of its snapshot. */
  readonly chainId: Digest;
  readonly parent: Digest | undefined;
};

/**
 * As many as overlayfs takes (OVL_MAX_STACK of the kernel): a container of an image with more could not be
 * started.
 */
const maxLayers = 500;

/** Throws ImageError Unimplemented when the manifest is not that of a container image. */
export function checkIsImage(manifest: Manifest): void {
  if (!isArtifact(manifest)) return;
  throw new ImageError(
    "Unimplemented",
    `not a container image but an artifact of the type ${JSON.stringify(artifactFacts(manifest).type)}`,
  );
}

/**
 * The layers of an image, bottom first. Throws ImageError: Unimplemented for layers that cannot be unpacked,
 * InvalidArgument when manifest and config do not belong together.
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

/** What ocicrypt calls those who can decrypt a layer: `jwe`, `pgp`, `provider.NAME`. */
const encryptionPrefix = "org.opencontainers.image.enc.keys.";

function recipientsOf({ annotations = {} }: Descriptor): string {
  const schemes = Object.keys(annotations)
    .filter((key) => key.startsWith(encryptionPrefix))
    .map((key) => key.slice(encryptionPrefix.length));
  const [first, ...others] = schemes.map((scheme) =>
    scheme.startsWith("provider.")
      ? `the key provider ${JSON.stringify(scheme.slice("provider.".length))}`
      : `${scheme} keys`,
  );
  return first === undefined ? "nobody that its annotations name" : [first, ...others].join(" and ");
}

function checkLayerType(layer: Descriptor): void {
  const { mediaType, digest } = layer;
  if (isLayerType(mediaType)) return;
  const type = JSON.stringify(mediaType);
  if (mediaType.includes("+encrypted")) {
    throw new ImageError(
      "Unimplemented",
      `layer ${digest} is encrypted (${type}) for ${recipientsOf(layer)}; encrypted images are not supported: ` +
        "decrypt it where the key is (`skopeo copy --decryption-key`), and push what comes out",
    );
  }
  throw new ImageError(
    "Unimplemented",
    `layer ${digest} has the media type ${type}, which cannot be unpacked`,
  );
}
