import { type Descriptor, type Digest, digestOf, mediaType } from "../parts/oci/index.ts";
import type { TestBlob, TestImage } from "./images.ts";

export type ArtifactOptions = {
  readonly layers: readonly {
    readonly mediaType: string;
    readonly bytes: Uint8Array;
    /** The path of the file. */
    readonly title?: string;
  }[];
  readonly configType?: string;
  /** Default {}. */
  readonly config?: object;
  /** Left out unless given, as by older tools. */
  readonly artifactType?: string;
};

/** The config type of artifacts with seccomp profiles. */
export const seccompConfigType = "application/vnd.cncf.seccomp-profile.config.v1+json";

/** An artifact as `oras push` makes it: an OCI manifest with an empty config, and files for layers. */
export function artifactOf({
  layers,
  configType = "application/vnd.oci.empty.v1+json",
  config = {},
  artifactType,
}: ArtifactOptions): TestImage {
  const blobs = new Map<Digest, TestBlob>();
  const add = (type: string, bytes: Uint8Array): Descriptor => {
    const digest = digestOf(bytes);
    blobs.set(digest, { mediaType: type, bytes });
    return { mediaType: type, digest, size: bytes.length };
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaType.ociManifest,
    ...(artifactType !== undefined && { artifactType }),
    config: add(configType, Buffer.from(JSON.stringify(config))),
    layers: layers.map(({ mediaType, bytes, title }) => ({
      ...add(mediaType, bytes),
      ...(title !== undefined && { annotations: { "org.opencontainers.image.title": title } }),
    })),
  };
  const target = add(mediaType.ociManifest, Buffer.from(JSON.stringify(manifest)));
  return { target, blobs };
}

/** One with text files, by their titles. */
export function filesArtifact(files: Readonly<Record<string, string>>): TestImage {
  return artifactOf({
    artifactType: "application/vnd.example.files",
    layers: Object.entries(files).map(([title, text]) => ({
      mediaType: "text/plain",
      bytes: Buffer.from(text),
      title,
    })),
  });
}

/** One with a seccomp profile. */
export function profileArtifact(profile: object | string): TestImage {
  const text = typeof profile === "string" ? profile : JSON.stringify(profile);
  const layer = { mediaType: "application/json", bytes: Buffer.from(text) };
  return artifactOf({ configType: seccompConfigType, layers: [layer] });
}
