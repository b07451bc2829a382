import { ManifestError, readManifests } from "../../manifests/index.ts";

/**
 * What would be refused of a manifest, in words: `berth run` may do what a manifest may not ask for, such as
 * a volume that is `rshared`, which Kubernetes leaves to privileged containers.
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
