import type { Manifest } from "../manifests/index.ts";
import { ManagerError } from "./errors.ts";

/** The same object with so many pods. Throws ManagerError for a kind that has no number of them. */
export function withReplicas(manifest: Manifest, replicas: number): Manifest {
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
