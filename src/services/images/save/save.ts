import type { Digest } from "../../../parts/oci/index.ts";
import type { PlatformChoice } from "../chosen-platforms.ts";

export type SaveRequest = {
  /** Names of images or artifacts, or ids of images; at least one. */
  readonly images: readonly string[];
  /**
   * Which images of an index to save; by default that of this machine. With several platforms, the unchanged
   * index is saved with the content of only these; with `all`, the index with everything in it.
   */
  readonly platform?: PlatformChoice;
  /**
   * `oci`: a tar of an OCI image layout that includes docker's `manifest.json`, so that every tool can read
   * it. `docker`: without the layout, for tools that prefer the layout but cannot read it. `layout`: without
   * docker's file.
   */
  readonly format: "oci" | "docker" | "layout";
};

/** An archive that is ready to be read. It must be disposed of, even if its bytes are not read to the end. */
export type SavedArchive = Disposable & {
  readonly images: readonly SavedImage[];
  /** In pieces of at most 1 MiB. Throws ImageError DataLoss if a blob has changed. */
  readonly bytes: AsyncIterable<Uint8Array>;
};

export type SavedImage = {
  /** As in the request. */
  readonly image: string;
  /** Its name in the archive; undefined for an image that was requested by id. */
  readonly name: string | undefined;
  /** Digest of the manifest or index. */
  readonly digest: Digest;
};
