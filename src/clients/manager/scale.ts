import { type Manifest, maxCount } from "../manifests/index.ts";
import { ManagerError } from "./errors.ts";

/**
 * Changes an object's number of pods. Throws ManagerError for a kind without one, and for too large a number.
 */
export function withReplicas(manifest: Manifest, replicas: number): Manifest {
  if (replicas > maxCount)
    throw new ManagerError("InvalidArgument", `replicas must be ${maxCount} at most, not ${replicas}`);
  switch (manifest.kind) {
    case "Deployment":
      return { ...manifest, spec: { ...manifest.spec, replicas } };
    case "ReplicaSet":
      return { ...manifest, spec: { ...manifest.spec, replicas } };
    case "StatefulSet":
      return { ...manifest, spec: { ...manifest.spec, replicas } };
    default:
      throw new ManagerError(
        "InvalidArgument",
        `a ${manifest.kind} cannot be scaled; Deployment, ReplicaSet and StatefulSet can`,
      );
  }
}
