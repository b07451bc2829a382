import type { Digest } from "../../../parts/oci/index.ts";
import type { PlatformChoice } from "../chosen-platforms.ts";

export type SaveRequest = {
  /** Names, of images or artifacts, and ids of images; at least one. */
  readonly images: readonly string[];
  /**
   * Which image of an index; that of this machine when left out. With several it is the index, as it is, with
   * what it names for these alone, and with `all` the index with all that it names.
   */
  readonly platform?: PlatformChoice;
  /**
   * `oci`: a tar of an OCI image layout, with docker's `manifest.json` in it, so that every tool reads it.
   * `docker`: without the layout, for what would take the layout and cannot. `layout`: without docker's file.
   */
  readonly format: "oci" | "docker" | "layout";
};

/**
 * An archive that is about to be written. To be disposed of, also where its bytes are not read to their end.
 */
export type SavedArchive = AsyncDisposable & {
  readonly images: readonly SavedImage[];
  /** In pieces of at most 1 MiB. Throws ImageError DataLoss when a blob is not what it was. */
  readonly bytes: AsyncIterable<Uint8Array>;
};

export type SavedImage = {
  /** As the request has it. */
  readonly image: string;
  /** What the archive calls it; undefined for an image that was asked for by its id. */
  readonly name: string | undefined;
  /** Of the manifest or index. */
  readonly digest: Digest;
};
