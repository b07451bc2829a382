import { randomBytes } from "node:crypto";
import { isRecord } from "../../ground/json/index.ts";
import { checkName } from "./check-name.ts";
import { isKind, kinds, type Manifest, type ManifestOf } from "./kinds.ts";
import { isPassedOver } from "./passed-over.ts";
import { type Path, Place, writtenPath } from "./place.ts";
import { ManifestError, type Problem } from "./problems.ts";
import type { ObjectMeta } from "./schemas/metadata.ts";
import { parseYaml } from "./yaml-documents.ts";

/** A file with manifests; `-` names standard input. */
export type ManifestSource = { readonly file: string; readonly text: string };

export type ReadOptions = {
  /** Namespace of objects that name none; by default "default". */
  readonly namespace?: string;
};

/** Objects in the order of their files and documents, and warnings about them. */
export type ReadManifests = {
  readonly manifests: readonly Manifest[];
  readonly warnings: readonly Problem[];
};

/**
 * Parses and checks the documents of files: YAML or JSON, several to a file, including lists (`kind: List`,
 * `kind: PodList`). Throws ManifestError with all problems of all files.
 */
export function readManifests(
  sources: readonly ManifestSource[],
  { namespace = "default" }: ReadOptions = {},
): ReadManifests {
  const problems: Problem[] = [];
  const manifests: Manifest[] = [];
  const seen = new Set<string>();
  for (const { file, text } of sources) {
    for (const [index, document] of parseYaml(text).entries()) {
      const report = (severity: Problem["severity"], path: Path, message: string) =>
        problems.push({
          severity,
          file,
          document: index + 1,
          line: document.lineOf(path),
          field: writtenPath(path),
          message,
        });
      for (const { line, message } of document.errors)
        problems.push({ severity: "error", file, document: index + 1, line, field: "", message });
      if (document.errors.length > 0) continue;
      for (const [value, place] of objectsIn(document.value, new Place(report))) {
        const manifest = readObject(value, place, namespace);
        if (manifest === undefined) continue;
        const key = `${manifest.kind} ${manifest.metadata.namespace}/${manifest.metadata.name}`;
        if (seen.has(key)) place.at("metadata", "name").error(`${key} is a duplicate key`);
        seen.add(key);
        manifests.push(manifest);
      }
    }
  }
  const errors = problems.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new ManifestError(errors);
  return { manifests, warnings: problems };
}

/**
 * The objects in a document, which is an object, a list of any kinds, or a list of one kind such as
 * `PodList`.
 */
function objectsIn(value: unknown, place: Place): readonly (readonly [unknown, Place])[] {
  if (!isRecord(value)) return [[value, place]];
  const { kind, apiVersion, items } = value;
  if (typeof kind !== "string" || !kind.endsWith("List") || !Array.isArray(items)) return [[value, place]];
  // The items of a list of one kind may omit it.
  const common = kind === "List" ? {} : { apiVersion, kind: kind.slice(0, -"List".length) };
  return items.flatMap((item: unknown, index) =>
    objectsIn(isRecord(item) ? { ...common, ...item } : item, place.at("items", index)),
  );
}

function readObject(value: unknown, place: Place, namespace: string): Manifest | undefined {
  if (!isRecord(value)) return place.error("is not an object with apiVersion and kind");
  const { kind } = value;
  if (!isKind(kind)) {
    if (isPassedOver(value, place)) return undefined;
    const known = Object.keys(kinds).join(", ");
    return place
      .at("kind")
      .error(`${JSON.stringify(kind) ?? "none"} is not supported here; supported kinds: ${known}`);
  }
  const read = kinds[kind].read(value, place);
  if (read === undefined) return undefined;
  const { status: _, ...object } = read as typeof read & { readonly status?: unknown };
  const metadata = metadataOf(read.metadata ?? {}, place, kind, namespace);
  const manifest = { ...object, metadata } as Manifest;
  checkName(manifest, place.at("metadata", "name"));
  return manifest.kind === "Secret" ? withDataOnly(manifest) : manifest;
}

/** A secret as Kubernetes stores it: stringData replaces data. */
function withDataOnly({ stringData, ...secret }: ManifestOf<"Secret">): Manifest {
  if (stringData === undefined) return secret;
  const texts = Object.entries(stringData).map(([key, text]) => [key, Buffer.from(text).toString("base64")]);
  return { ...secret, data: { ...secret.data, ...Object.fromEntries(texts) } };
}

function metadataOf(
  { name, generateName, namespace, labels = {}, annotations = {} }: ObjectMeta,
  place: Place,
  kind: string,
  defaultNamespace: string,
): Manifest["metadata"] {
  if (name === undefined && generateName === undefined) place.at("metadata", "name").error("is required");
  return {
    name: name ?? `${generateName?.slice(0, 58)}${randomBytes(3).toString("hex").slice(0, 5)}`,
    namespace: kind === "Namespace" ? "" : (namespace ?? defaultNamespace),
    labels,
    annotations,
  };
}
