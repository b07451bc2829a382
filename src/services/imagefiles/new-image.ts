import { isRecord } from "../../ground/json/index.ts";
import {
  type Descriptor,
  type Digest,
  digestOf,
  mediaType,
  type Platform,
  withSpecifiedKeys,
} from "../../parts/oci/index.ts";
import type { ContentStore } from "../content/index.ts";
import { changedConfig } from "./config-changes.ts";
import type { Hold } from "./hold.ts";
import { ImageFilesError } from "./image-files-error.ts";

type Json = Readonly<Record<string, unknown>>;

/** A layer in the content store, and its metadata. */
export type NewLayer = {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  /** Instructions that change the configuration. */
  readonly changes: readonly string[];
  /** "" for none. */
  readonly author: string;
  readonly comment: string;
};

/** An image's documents, as stored. */
export type BaseImage = {
  readonly manifest: Descriptor;
  readonly manifestBytes: Uint8Array;
  readonly configBytes: Uint8Array;
};

/** Stores and holds the documents of an image that adds a layer to another one; returns its target. */
export async function imageWith(
  { manifest, manifestBytes, configBytes }: BaseImage,
  layer: NewLayer,
  content: ContentStore,
  hold: Hold,
): Promise<Descriptor> {
  const old = parse(manifestBytes, "manifest");
  const isDocker = manifest.mediaType === mediaType.dockerManifest;
  const config = configWith(withSpecifiedKeys(parse(configBytes, "configuration")), layer);
  const { config: oldConfig, layers } = old;
  const { annotations: _, subject: __, ...rest } = old;
  const write = documentWriter(content, hold);
  const configType = isRecord(oldConfig) ? String(oldConfig.mediaType) : mediaType.ociConfig;
  const { digest, size } = layer.descriptor;
  const type = isDocker ? dockerType(layer.descriptor.mediaType) : layer.descriptor.mediaType;
  const all = [...(Array.isArray(layers) ? layers : []), { mediaType: type, digest, size }];
  return await write(manifest.mediaType, {
    ...rest,
    mediaType: manifest.mediaType,
    config: await write(configType, config),
    layers: all,
  });
}

/** Stores the documents of an image with one layer. */
export async function imageOf(
  layer: NewLayer,
  platform: Platform,
  content: ContentStore,
  hold: Hold,
): Promise<Descriptor> {
  const write = documentWriter(content, hold);
  const { os, architecture, variant } = platform;
  const base = { os, architecture, ...(variant === undefined ? {} : { variant }) };
  const { mediaType: type, digest, size } = layer.descriptor;
  return await write(mediaType.ociManifest, {
    schemaVersion: 2,
    mediaType: mediaType.ociManifest,
    config: await write(mediaType.ociConfig, configWith(base, layer)),
    layers: [{ mediaType: type, digest, size }],
  });
}

function configWith(base: Json, { diffId, changes, author, comment }: NewLayer): Json {
  const created = new Date().toISOString();
  const about = { ...(author === "" ? {} : { author }), ...(comment === "" ? {} : { comment }) };
  const { history, rootfs } = base;
  const diffIds = isRecord(rootfs) && Array.isArray(rootfs.diff_ids) ? rootfs.diff_ids : [];
  // Drops what Docker's configs say about the container in which the base image was built.
  const { container: _, container_config: __, ...kept } = base;
  return {
    ...kept,
    created,
    ...(author === "" ? {} : { author }),
    config: changedConfig(isRecord(base.config) ? base.config : {}, changes),
    rootfs: { type: "layers", diff_ids: [...diffIds, diffId] },
    history: [
      ...wholeHistory(history, diffIds.length),
      { created, created_by: changes.length === 0 ? "berth" : changes.join("; "), ...about },
    ],
  };
}

/** With one step for each layer: readers match steps to layers by position. */
function wholeHistory(history: unknown, layers: number): readonly unknown[] {
  const steps: readonly unknown[] = Array.isArray(history) ? history : [];
  const described = steps.filter((step) => !(isRecord(step) && step.empty_layer === true)).length;
  return [...steps, ...Array.from({ length: Math.max(0, layers - described) }, () => ({}))];
}

function documentWriter(content: ContentStore, hold: Hold) {
  return async (type: string, value: Json): Promise<Descriptor> => {
    const bytes = Buffer.from(JSON.stringify(value));
    const digest = digestOf(bytes);
    await hold.add([{ kind: "content", digest }]);
    await content.put(bytes, { digest });
    return { mediaType: type, digest, size: bytes.length };
  };
}

function dockerType(type: string): string {
  if (type === mediaType.ociLayerGzip) return mediaType.dockerLayerGzip;
  return type === mediaType.ociLayerZstd ? mediaType.dockerLayerZstd : mediaType.dockerLayer;
}

function parse(bytes: Uint8Array, what: string): Json {
  const value: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
  if (isRecord(value)) return value;
  throw new ImageFilesError("InvalidArgument", `the image's ${what} is not a JSON object`);
}
