import type { Digest } from "../../parts/oci/index.ts";
import type { Credentials } from "../../parts/registry/index.ts";

/** The seccomp profiles of one containerd namespace. */
export interface SecurityProfiles {
  /**
   * Fetches a profile, unless the artifact with the reference's digest is present: then no registry is asked,
   * and `cached` is true. It is on disk when this resolves. Throws ProfileError, whose message begins with a
   * word that kubelets know: `RegistryUnavailable` (with the registry's code), or `SecurityProfileInvalid`
   * (InvalidArgument; retrying is pointless).
   */
  pull(request: ProfileRequest, signal?: AbortSignal): Promise<{ readonly cached: boolean }>;
  list(): readonly SecurityProfileInfo[];
  /** By the digest from `list`; not an error if it does not exist. */
  remove(digest: string): Promise<void>;
  /**
   * The text of the profile that was pulled with exactly this reference. Throws ProfileError NotFound; never
   * pulls.
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
  /** All references with which it was pulled, as given. */
  readonly references: readonly string[];
  readonly sizeBytes: number;
};
