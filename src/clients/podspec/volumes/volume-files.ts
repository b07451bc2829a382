import { relative, resolve } from "node:path";
import type { ManifestOf, Volume } from "../../manifests/index.ts";
import type { PodContext } from "../context.ts";
import { PodSpecError } from "../errors.ts";
import { type FieldSource, fieldValue, resourceValue } from "../fields.ts";
import { dataOf } from "../object-data.ts";

/** A file in a volume of objects. */
export type VolumeFile = { readonly path: string; readonly content: Buffer; readonly mode: number };

/** The sources of the files. */
export type VolumeSource = FieldSource & { readonly context: PodContext };

type Item = { readonly key: string; readonly path: string; readonly mode?: number };
type DownwardItems = NonNullable<NonNullable<Volume["downwardAPI"]>["items"]>;

const defaultFileMode = 0o644;

/**
 * The files of a volume of config maps, secrets and fields of the pod; undefined for a volume of another
 * kind. Throws PodSpecError for missing sources that are not optional.
 */
export function volumeFiles(volume: Volume, request: VolumeSource): readonly VolumeFile[] | undefined {
  // A path can be written in several ways, such as `./a//b`.
  return filesOf(volume, request)?.map((file) => ({ ...file, path: relative("/", resolve("/", file.path)) }));
}

function filesOf(volume: Volume, request: VolumeSource): readonly VolumeFile[] | undefined {
  const { configMap, secret, downwardAPI, projected } = volume;
  if (configMap !== undefined)
    return ofObject("ConfigMap", configMap.name, configMap, configMap.defaultMode, request);
  if (secret !== undefined) return ofObject("Secret", secret.secretName, secret, secret.defaultMode, request);
  if (downwardAPI !== undefined) return ofFields(downwardAPI.items ?? [], downwardAPI.defaultMode, request);
  return projected?.sources?.flatMap((source) => {
    if (source.configMap !== undefined)
      return ofObject("ConfigMap", source.configMap.name, source.configMap, projected.defaultMode, request);
    if (source.secret !== undefined)
      return ofObject("Secret", source.secret.name, source.secret, projected.defaultMode, request);
    return ofFields(source.downwardAPI?.items ?? [], projected.defaultMode, request);
  });
}

function ofObject(
  kind: "ConfigMap" | "Secret",
  name: string,
  { items, optional = false }: { readonly items?: readonly Item[]; readonly optional?: boolean },
  defaultMode = defaultFileMode,
  { context: { objects }, pod }: VolumeSource,
): readonly VolumeFile[] {
  const { namespace } = pod.metadata;
  const object: ManifestOf<"ConfigMap"> | ManifestOf<"Secret"> | undefined =
    kind === "ConfigMap" ? objects.configMap(namespace, name) : objects.secret(namespace, name);
  if (object === undefined && !optional)
    throw new PodSpecError("NotFound", `${kind} ${namespace}/${name} not found`);
  const data = object === undefined ? new Map<string, Buffer>() : dataOf(object);
  const wanted: readonly Item[] = items ?? [...data.keys()].map((key) => ({ key, path: key }));
  return wanted.flatMap(({ key, path, mode = defaultMode }) => {
    const content = data.get(key);
    if (content !== undefined) return [{ path, content, mode }];
    if (optional) return [];
    throw new PodSpecError("NotFound", `${kind} ${namespace}/${name} has no key ${JSON.stringify(key)}`);
  });
}

function ofFields(
  items: DownwardItems,
  defaultMode = defaultFileMode,
  request: VolumeSource,
): readonly VolumeFile[] {
  return items.map(({ path, fieldRef, resourceFieldRef, mode = defaultMode }) => {
    const value =
      fieldRef === undefined
        ? resourceValue(resourceFieldRef ?? { resource: "" }, request, undefined)
        : fieldValue(fieldRef.fieldPath, request);
    return { path, content: Buffer.from(value), mode };
  });
}
