import type { Descriptor, Digest, Platform } from "../../../parts/oci/index.ts";

/** A manifest that is here, and a name that leads to it. */
export type NamedManifest = {
  readonly name: string;
  readonly manifest: Descriptor;
  /** What {@link Image.id} would be. */
  readonly id: Digest;
  readonly kind: "image" | "artifact" | "attestation";
  /** Of an artifact or attestation, what it calls itself. */
  readonly type: string | undefined;
  /** What an image runs on, or what an index says that an artifact is for. */
  readonly platform: Platform | undefined;
  /** Bytes of its content, as far as it is here. */
  readonly presentBytes: number;
  /** Whether all of its content is here. */
  readonly isWhole: boolean;
};

/** What an image takes on the disk, in bytes. */
export type ImageUsage = {
  /** Of the image; the digest of what its names stand for, where that is no image for this machine. */
  readonly id: Digest;
  readonly names: readonly string[];
  /** Blobs: documents and layers as they came, for all platforms that are here. */
  readonly content: SharedBytes;
  /** Layers as files. */
  readonly unpacked: SharedBytes;
};

/** `own` goes with the image; `shared` is what others have too. */
export type SharedBytes = { readonly own: number; readonly shared: number };
