import type { Logger } from "../../ground/logging/index.ts";
import { containerd } from "../../ground/protocol/index.ts";
import type { Platform } from "../../parts/oci/index.ts";
import type { ImageName } from "../../services/imagenames/index.ts";
import type { ImageTransfers, PlatformChoice } from "../../services/images/index.ts";
import type { NamespaceStorage } from "../../services/storage/index.ts";
import { ContainerdError } from "./errors.ts";
import { ofType } from "./messages.ts";
import type { ClientStream } from "./streams.ts";
import type { ProgressStream } from "./transfer-progress.ts";

type Any = containerd.types.Any;
type ImageStore = containerd.transferImages.ImageStore;

/** One call of the service Transfer. */
export type Transfer = {
  readonly source: Any | undefined;
  readonly destination: Any | undefined;
  readonly storage: NamespaceStorage;
  /** An image of its namespace. Throws NotFound. */
  readonly named: (name: string) => Promise<ImageName>;
  /** The images of its namespace. */
  readonly images: () => Promise<ImageTransfers>;
  /** Finds an open stream. Throws NotFound. */
  readonly streamOf: (id: string) => ClientStream;
  readonly progress: ProgressStream;
  readonly leaseId: string;
  readonly signal: AbortSignal;
  readonly logger: Logger;
};

/** Decodes a source or destination. Throws InvalidArgument. */
export function imageStoreOf(any: Any | undefined): ImageStore {
  return ofType(any, "containerd.types.transfer.ImageStore", containerd.transferImages.ImageStore);
}

/** Decodes a source or destination. Throws InvalidArgument. */
export function registryOf(any: Any | undefined): containerd.transferRegistries.OCIRegistry {
  return ofType(any, "containerd.types.transfer.OCIRegistry", containerd.transferRegistries.OCIRegistry);
}

/** Decodes a source or destination. Throws InvalidArgument. */
export function importOf(any: Any | undefined): containerd.transferArchives.ImageImportStream {
  const { ImageImportStream } = containerd.transferArchives;
  return ofType(any, "containerd.types.transfer.ImageImportStream", ImageImportStream);
}

/** Decodes a source or destination. Throws InvalidArgument. */
export function exportOf(any: Any | undefined): containerd.transferArchives.ImageExportStream {
  const { ImageExportStream } = containerd.transferArchives;
  return ofType(any, "containerd.types.transfer.ImageExportStream", ImageExportStream);
}

/** What a destination wants of the images. Throws Unimplemented. */
export function transferScopeOf(
  { platforms, allMetadata, manifestLimit, unpacks }: ImageStore,
  { snapshotter }: ImageTransfers,
) {
  const other = unpacks.find((each) => each.snapshotter !== "" && each.snapshotter !== snapshotter);
  if (other !== undefined)
    throw new ContainerdError(
      "Unimplemented",
      `ImageStore.unpacks: images are unpacked with ${snapshotter}, as the configuration says, not with ${JSON.stringify(other.snapshotter)}`,
    );
  return {
    wanted: { platforms: platforms.map(toPlatform), allMetadata, limit: manifestLimit },
    unpack: unpacks.length > 0,
  };
}

/** Which images of an index: all if no platform is named. */
export function toPlatforms(platforms: readonly containerd.types.Platform[]): PlatformChoice {
  const [platform, ...others] = platforms.map(toPlatform);
  if (platform === undefined) return "all";
  return others.length === 0 ? platform : [platform, ...others];
}

export function toPlatform({ os, architecture, variant, osFeatures }: containerd.types.Platform): Platform {
  return {
    os,
    architecture,
    ...(variant === "" ? {} : { variant }),
    ...(osFeatures.length === 0 ? {} : { "os.features": osFeatures }),
  };
}
