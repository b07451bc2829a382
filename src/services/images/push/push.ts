import type { Descriptor, Digest } from "../../../parts/oci/index.ts";
import type { Credentials } from "../../../parts/registry/index.ts";
import type { PlatformChoice } from "../chosen-platforms.ts";

export type PushRequest = {
  /** A name, of an image or an artifact, or an image's id. */
  readonly image: string;
  /** As the user wrote it; the name itself when left out. */
  readonly destination?: string;
  /**
   * Which image of an index; that of this machine when left out. Some of its images go with the index as it
   * is, whose other images the registry must have, or not ask for.
   */
  readonly platform?: PlatformChoice;
  readonly credentials?: Credentials;
  readonly onProgress?: (progress: PushProgress) => void;
};

export type PushProgress =
  /** All that the registry must have before the manifests: layers and configs. */
  | { readonly kind: "resolved"; readonly blobs: readonly Descriptor[] }
  | {
      readonly kind: "blob";
      readonly digest: Digest;
      /**
       * `exists`: the registry had it in the repository; `mounted`: it took it from another of its
       * repositories.
       */
      readonly state: "uploading" | "exists" | "mounted" | "done";
      readonly sentBytes: number;
      readonly totalBytes: number;
    };

export type Pushed = {
  /** `registry.example/team/app:1.2`. */
  readonly reference: string;
  /** Of the manifest or index that it stands for there now. */
  readonly digest: Digest;
};
