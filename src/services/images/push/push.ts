import type { Descriptor, Digest } from "../../../parts/oci/index.ts";
import type { Credentials } from "../../../parts/registry/index.ts";
import type { PlatformChoice } from "../chosen-platforms.ts";

export type PushRequest = {
  /** A name of an image or an artifact, or an image's id. */
  readonly image: string;
  /** As the user wrote it; by default the name itself. */
  readonly destination?: string;
  /**
   * Which images of an index to push; by default that of this machine. If several are chosen, the index is
   * pushed unchanged; the registry must then have the other images, or not check for them.
   */
  readonly platform?: PlatformChoice;
  readonly credentials?: Credentials;
  readonly onProgress?: (progress: PushProgress) => void;
};

export type PushProgress =
  /** What the registry must have before the manifests: layers and configs. */
  | { readonly kind: "resolved"; readonly blobs: readonly Descriptor[] }
  | {
      readonly kind: "blob";
      readonly digest: Digest;
      /**
       * `exists`: the repository already had it; `mounted`: the registry took it from another of its
       * repositories.
       */
      readonly state: "uploading" | "exists" | "mounted" | "done";
      readonly sentBytes: number;
      readonly totalBytes: number;
    };

export type Pushed = {
  /** `registry.example/team/app:1.2`. */
  readonly reference: string;
  /** Digest of the manifest or index to which it points there now. */
  readonly digest: Digest;
};
