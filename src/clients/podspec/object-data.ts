import type { ManifestOf } from "../manifests/index.ts";

/** The data of a config map or a secret by key, as bytes. */
export function dataOf(object: ManifestOf<"ConfigMap"> | ManifestOf<"Secret">): ReadonlyMap<string, Buffer> {
  const data = new Map<string, Buffer>();
  const add = (values: Readonly<Record<string, string>> | undefined, encoding: "utf8" | "base64") => {
    for (const [key, value] of Object.entries(values ?? {})) data.set(key, Buffer.from(value, encoding));
  };
  if (object.kind === "ConfigMap") {
    add(object.data, "utf8");
    add(object.binaryData, "base64");
  } else {
    add(object.data, "base64");
    // As in Kubernetes, text takes precedence over base64.
    add(object.stringData, "utf8");
  }
  return data;
}

/** The data that variables can have: as in Kubernetes, only the text of a config map. */
export function variableDataOf(
  object: ManifestOf<"ConfigMap"> | ManifestOf<"Secret">,
): ReadonlyMap<string, Buffer> {
  return dataOf(object.kind === "ConfigMap" ? { ...object, binaryData: {} } : object);
}
