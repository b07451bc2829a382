/**
 * Images: pulling, importing, pushing, tagging, listing and removing them, and a container's root file system
 * on top of one.
 *
 * Terms: an image's *id* is the digest of its config, everywhere; a *name*
 * (`docker.io/library/busybox:latest`, `...@sha256:...`) points to a *target*, an index or a manifest, and
 * through it to an image; an image is *installed* when its documents are in the content store, its layers are
 * snapshots, and its names are in the metadata.
 *
 * This room knows no sandboxes and no containers. Slow work (network, hashing, unpacking) runs in its own
 * threads; content without a name is left to garbage collection.
 */
export type { PlatformChoice } from "./chosen-platforms.ts";
export { ContentHold } from "./content-hold.ts";
export { DiskThresholds, type ThresholdOptions } from "./disk-thresholds.ts";
export { hostPlatform, imagePlatform } from "./host-platform.ts";
export { ImageError } from "./image-error.ts";
export { hasInterruptedTransfers } from "./image-installer.ts";
export { imageReferences } from "./image-references.ts";
export { type ImageServiceOptions, openImages } from "./image-service.ts";
export type {
  ArtifactSource,
  FsUsage,
  Image,
  ImageCatalog,
  ImageDetails,
  ImageLayer,
  ImageRootfs,
  Images,
  LoadedImage,
  PrunedImage,
  PrunedImages,
  PruneRequest,
  PullAnyRequest,
  Pulled,
  PullProgress,
  PullRequest,
} from "./images.ts";
export { removeStaged } from "./importer.ts";
export type { ImageUsage, NamedManifest } from "./overview/overview.ts";
export { namesPinnedBy } from "./pinned-images.ts";
export type { Pushed, PushProgress, PushRequest } from "./push/push.ts";
export type { SavedArchive, SavedImage, SaveRequest } from "./save/save.ts";
export type { ImageTransfers, RegistryAccess, TransferProgress } from "./transfers/image-transfers.ts";
