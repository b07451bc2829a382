import type { Digest } from "./digest.ts";

/** OCI image-spec 1.1, descriptor.md. `size` in bytes. */
export type Descriptor = {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly urls?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: Platform;
  readonly artifactType?: string;
};

/** OCI image-spec 1.1, image-index.md, `platform`. */
export type Platform = {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly "os.version"?: string;
  /** What the image needs of its host besides, such as `erofs` for layers that are EROFS images. */
  readonly "os.features"?: readonly string[];
};

/** OCI image-spec 1.1, manifest.md (or Docker schema 2, which has the same shape). */
export type Manifest = {
  readonly schemaVersion: 2;
  readonly mediaType: string;
  /** What an artifact is, where it says so. */
  readonly artifactType?: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>>;
};

/** OCI image-spec 1.1, image-index.md (or Docker's manifest list). */
export type Index = {
  readonly schemaVersion: 2;
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>>;
};

/** OCI image-spec 1.1, config.md. Only what berth reads; the blob itself keeps everything. */
export type ImageConfig = {
  readonly created?: string;
  readonly platform: Platform;
  readonly config: {
    readonly user: string;
    readonly exposedPorts: readonly string[];
    readonly env: readonly string[];
    readonly entrypoint: readonly string[];
    readonly cmd: readonly string[];
    readonly volumes: readonly string[];
    readonly workingDir: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly stopSignal: string;
  };
  /** Digests of the uncompressed layers, bottom first. */
  readonly diffIds: readonly Digest[];
};
