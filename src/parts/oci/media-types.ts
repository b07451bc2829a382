/**
 * Media types of OCI image-spec 1.1 (media-types.md) and of Docker's image manifest v2 schema 2 that
 * registries still serve.
 */
export const mediaType = {
  ociIndex: "application/vnd.oci.image.index.v1+json",
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
  ociConfig: "application/vnd.oci.image.config.v1+json",
  ociLayer: "application/vnd.oci.image.layer.v1.tar",
  ociLayerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  ociLayerZstd: "application/vnd.oci.image.layer.v1.tar+zstd",
  dockerManifestList: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerConfig: "application/vnd.docker.container.image.v1+json",
  dockerLayer: "application/vnd.docker.image.rootfs.diff.tar",
  dockerLayerGzip: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  dockerLayerZstd: "application/vnd.docker.image.rootfs.diff.tar.zstd",
  ociForeignLayer: "application/vnd.oci.image.layer.nondistributable.v1.tar",
  ociForeignLayerGzip: "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
  ociForeignLayerZstd: "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
  dockerForeignLayer: "application/vnd.docker.image.rootfs.foreign.diff.tar",
  dockerForeignLayerGzip: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
} as const;

const erofsLayerPrefix = "application/vnd.erofs.layer.";

const indexes: ReadonlySet<string> = new Set([mediaType.ociIndex, mediaType.dockerManifestList]);
const manifests: ReadonlySet<string> = new Set([mediaType.ociManifest, mediaType.dockerManifest]);
const configs: ReadonlySet<string> = new Set([mediaType.ociConfig, mediaType.dockerConfig]);
const layers: ReadonlySet<string> = new Set([
  mediaType.ociLayer,
  mediaType.ociLayerGzip,
  mediaType.ociLayerZstd,
  mediaType.dockerLayer,
  mediaType.dockerLayerGzip,
  mediaType.dockerLayerZstd,
]);
const foreignLayers: ReadonlySet<string> = new Set([
  mediaType.ociForeignLayer,
  mediaType.ociForeignLayerGzip,
  mediaType.ociForeignLayerZstd,
  mediaType.dockerForeignLayer,
  mediaType.dockerForeignLayerGzip,
]);

/** True for an OCI index and for Docker's manifest list. */
export function isIndexType(type: string): boolean {
  return indexes.has(type);
}

/** True for an OCI manifest and for Docker's schema 2. */
export function isManifestType(type: string): boolean {
  return manifests.has(type);
}

/** True for the config of a container image, as opposed to that of some other artifact. */
export function isImageConfigType(type: string): boolean {
  return configs.has(type);
}

/** True for a layer: a tar, plain or compressed with gzip or zstd, not encrypted, or an EROFS image. */
export function isLayerType(type: string): boolean {
  return layers.has(type) || foreignLayers.has(type) || isErofsLayerType(type);
}

/**
 * True for a layer that is an EROFS image, plain or all of it compressed with zstd; the types are those that
 * containerd knows (`application/vnd.erofs.layer.v1`, and what ends with `.erofs`) and the one proposed to
 * replace them (`application/vnd.erofs`). Its whiteouts are overlayfs's.
 */
export function isErofsLayerType(type: string): boolean {
  const base = type.endsWith("+zstd") ? type.slice(0, -"+zstd".length) : type;
  if (base.includes("+")) return false;
  return base === "application/vnd.erofs" || base.startsWith(erofsLayerPrefix) || base.endsWith(".erofs");
}

/**
 * True for a layer that its maker lets nobody hand on: registries may lack it, and its descriptor's `urls`
 * say who has it.
 */
export function isForeignLayerType(type: string): boolean {
  return foreignLayers.has(type);
}
