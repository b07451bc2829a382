import type { Descriptor, Digest, Platform } from "../../../parts/oci/index.ts";

/** A manifest in the content store, and a name that leads to it. */
export type NamedManifest = {
  readonly name: string;
  readonly manifest: Descriptor;
  /** The same as {@link Image.id} would be. */
  readonly id: Digest;
  readonly kind: "image" | "artifact" | "attestation";
  /** The type that an artifact or attestation declares. */
  readonly type: string | undefined;
  /** The platform of an image, or that with which an index lists an artifact. */
  readonly platform: Platform | undefined;
  /** Size of the part of its content that is here. */
  readonly presentBytes: number;
  /** Whether all of its content is here. */
  readonly isWhole: boolean;
};

/** Disk usage of an image, in bytes. */
export type ImageUsage = {
  /** The image's id, or, if there is no image for this machine, the digest of its names' target. */
  readonly id: Digest;
  readonly names: readonly string[];
  /** Blobs: documents and compressed layers, for all platforms that are here. */
  readonly content: SharedBytes;
  /** Unpacked layers. */
  readonly unpacked: SharedBytes;
};

/** `own` is removed with the image; `shared` is used by other images, too. */
export type SharedBytes = { readonly own: number; readonly shared: number };
