import type { Descriptor, Reference } from "../oci/index.ts";

/**
 * Bringing content into a repository (distribution-spec 1.1, "Push"): what documents refer to before the
 * documents, manifests before indexes. All goes to the first host of the reference that takes pushes by its
 * hosts.toml.
 *
 * Throws RegistryError, with the codes of {@link Registry} and besides: FailedPrecondition (takes no pushes;
 * a tag that cannot be changed; content of a kind that it does not take), PermissionDenied (the credentials
 * are good, but not for pushing there), ResourceExhausted also for what is too large for it, InvalidArgument
 * for what it finds wrong with the content.
 */
export interface RegistryWriter {
  /** Whether the repository has a manifest or index; false also where the registry does not say. */
  hasManifest(reference: Reference, descriptor: Descriptor, signal?: AbortSignal): Promise<boolean>;
  /**
   * Sees to it that the repository has a blob: it has it already, or the registry takes it from another
   * repository of its own, or it is sent. What breaks is taken up where the registry says that it stopped,
   * else begun anew; `absent` when the blob would have to be sent and `source` has no path.
   */
  pushBlob(
    reference: Reference,
    descriptor: Descriptor,
    source: BlobSource,
    signal?: AbortSignal,
  ): Promise<PushedBlob>;
  /**
   * Puts a manifest or index under the digest or, without one, the tag of the reference, unless it is there.
   * One with a `subject` is entered in that one's list of referrers, by its tag where the registry has no
   * such lists.
   */
  pushManifest(
    reference: Reference,
    descriptor: Descriptor,
    bytes: Uint8Array,
    signal?: AbortSignal,
  ): Promise<void>;
}

export type BlobSource = {
  /** A file with its bytes; undefined where there is none. */
  readonly path: string | undefined;
  /** Repositories of the same registry that may have it. */
  readonly mountFrom: readonly string[];
  /** Told how many of its bytes have been sent. */
  readonly onBytes?: (sentBytes: number) => void;
};

export type PushedBlob = "exists" | "mounted" | "uploaded" | "absent";
