import { ManifestError, readManifests } from "../../manifests/index.ts";

/**
 * Messages about fields of a manifest that would be rejected: `berth run` may do what a manifest must not
 * request, such as a volume that is `rshared`, which Kubernetes allows only for privileged containers.
 */
export function refusedFields(manifest: unknown): readonly string[] {
  try {
    readManifests([{ file: "-", text: JSON.stringify(manifest) }]);
    return [];
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    return error.problems
      .filter(({ severity }) => severity === "error")
      .map(({ field, message }) => `Kubernetes would reject this manifest: ${field}: ${message}`);
  }
}
