import { type Descriptor, type ImageConfig, type Platform, parseImageConfig } from "../../parts/oci/index.ts";
import { artifactFacts, isArtifact } from "./artifacts/artifact.ts";
import { checkIsImage, type PlannedLayer, planLayers } from "./layer-plan.ts";
import type { ResolvedImage } from "./resolved-images.ts";
import { type ReadSmall, type SelectedManifest, selectManifest } from "./select-manifest.ts";

/** A target that was resolved to an image for this machine: its documents, and the layers to unpack. */
export type ImagePlan = {
  readonly selected: SelectedManifest;
  readonly config: ImageConfig;
  readonly configBytes: Uint8Array;
  readonly layers: readonly PlannedLayer[];
};

/**
 * Resolves a target. Throws ImageError and OciFormatError if it has no image for the platform, and the errors
 * of `read`.
 */
export async function planImage(target: Descriptor, read: ReadSmall, platform: Platform): Promise<ImagePlan> {
  return await planSelected(await selectManifest(target, read, platform), read);
}

async function planSelected(selected: SelectedManifest, read: ReadSmall): Promise<ImagePlan> {
  checkIsImage(selected.manifest);
  const configBytes = await read(selected.manifest.config);
  const config = parseImageConfig(configBytes);
  return { selected, config, configBytes, layers: planLayers(selected.manifest.layers, config.diffIds) };
}

/** Resolves a target for this machine, including artifacts. Throws as {@link planImage} does. */
export async function resolveTarget(
  target: Descriptor,
  read: ReadSmall,
  platform: Platform,
): Promise<ResolvedImage> {
  const selected = await selectManifest(target, read, platform);
  if (isArtifact(selected.manifest)) return resolvedArtifact(selected);
  return resolvedImage(await planSelected(selected, read));
}

/**
 * An artifact's id is the digest of its manifest, since the configs of most artifacts are the same empty
 * document.
 */
export function resolvedArtifact({
  manifest,
  document,
}: Pick<SelectedManifest, "manifest" | "document">): ResolvedImage {
  const blobs = [manifest.config, ...manifest.layers];
  return {
    id: document.descriptor.digest,
    manifest: document.descriptor,
    layers: manifest.layers,
    config: noConfig,
    chainId: null,
    sizeBytes: blobs.reduce((sum, { size }) => sum + size, document.descriptor.size),
    artifact: artifactFacts(manifest),
  };
}

const noConfig: ImageConfig = {
  platform: { os: "unknown", architecture: "unknown" },
  config: {
    user: "",
    exposedPorts: [],
    env: [],
    entrypoint: [],
    cmd: [],
    volumes: [],
    workingDir: "",
    labels: {},
    stopSignal: "",
  },
  diffIds: [],
};

export function resolvedImage({ selected, config, layers }: ImagePlan): ResolvedImage {
  const { manifest, document } = selected;
  const blobs = [manifest.config, ...manifest.layers];
  return {
    id: manifest.config.digest,
    manifest: document.descriptor,
    layers: manifest.layers,
    config,
    chainId: layers.at(-1)?.chainId ?? null,
    sizeBytes: blobs.reduce((sum, { size }) => sum + size, document.descriptor.size),
    ...(isCheckpoint(manifest.annotations) ? { checkpoint: true } : {}),
  };
}

/** Recognises checkpoints as CRI-O's documentation creates them with buildah, and as checkpointctl does. */
function isCheckpoint(annotations: Readonly<Record<string, string>> = {}): boolean {
  return Object.keys(annotations).some(
    (key) =>
      key === "io.kubernetes.cri-o.annotations.checkpoint.name" || key.startsWith("org.criu.checkpoint."),
  );
}
