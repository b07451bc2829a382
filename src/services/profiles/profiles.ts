import type { Digest } from "../../parts/oci/index.ts";
import type { Credentials } from "../../parts/registry/index.ts";

/** The seccomp profiles of one containerd namespace. */
export interface SecurityProfiles {
  /**
   * Fetches a profile, unless what the reference's digest names is here: then no registry is asked, and
   * `cached` is true. It is on disk when this resolves. Throws ProfileError, whose message begins with a word
   * that kubelets know: `RegistryUnavailable` (the code is the registry's), or `SecurityProfileInvalid`
   * (InvalidArgument: trying again is of no use).
   */
  pull(request: ProfileRequest, signal?: AbortSignal): Promise<{ readonly cached: boolean }>;
  list(): readonly SecurityProfileInfo[];
  /** By the digest that `list` tells; one that is not here is no error. */
  remove(digest: string): Promise<void>;
  /**
   * The text of the profile that was pulled by this very reference. Throws ProfileError NotFound; nothing is
   * pulled.
   */
  read(reference: string): Promise<string>;
}

export type ProfileRequest = {
  /** With a digest. */
  readonly reference: string;
  readonly credentials?: Credentials;
};

export type SecurityProfileInfo = {
  readonly digest: Digest;
  /** All by which it was pulled, as they were written. */
  readonly references: readonly string[];
  readonly sizeBytes: number;
};
