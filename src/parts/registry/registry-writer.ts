import type { Descriptor, Reference } from "../oci/index.ts";

/**
 * Pushes content to a repository (distribution-spec 1.1, "Push"): blobs before the manifests that refer to
 * them, and manifests before indexes. Everything goes to the first host of the reference that its hosts.toml
 * allows pushes to.
 *
 * Throws RegistryError, with the codes of {@link Registry} and in addition: FailedPrecondition (it accepts no
 * pushes, a tag cannot be changed, or the kind of content is not accepted), PermissionDenied (the credentials
 * are valid, but do not allow pushing there), ResourceExhausted also for content that is too large,
 * InvalidArgument for content that it rejects.
 */
export interface RegistryWriter {
  /** Whether the repository has a manifest or index; false also if the registry does not say. */
  hasManifest(reference: Reference, descriptor: Descriptor, signal?: AbortSignal): Promise<boolean>;
  /**
   * Ensures that the repository has a blob: it already has it, the registry mounts it from another of its
   * repositories, or it is sent. A failed upload is resumed where the registry says that it stopped, or
   * started over. Returns `absent` if the blob would have to be sent and `source` has no path.
   */
  pushBlob(
    reference: Reference,
    descriptor: Descriptor,
    source: BlobSource,
    signal?: AbortSignal,
  ): Promise<PushedBlob>;
  /**
   * Pushes a manifest or index under the reference's digest or, without one, its tag, unless it is there. One
   * with a `subject` is added to that subject's list of referrers, by tag if the registry does not have the
   * API.
   */
  pushManifest(
    reference: Reference,
    descriptor: Descriptor,
    bytes: Uint8Array,
    signal?: AbortSignal,
  ): Promise<void>;
}

export type BlobSource = {
  /** Path of the blob's file; undefined if there is none. */
  readonly path: string | undefined;
  /** Repositories of the same registry that may have it. */
  readonly mountFrom: readonly string[];
  /** Called with the number of bytes that have been sent. */
  readonly onBytes?: (sentBytes: number) => void;
};

export type PushedBlob = "exists" | "mounted" | "uploaded" | "absent";
