import type { Manifest } from "../manifests/index.ts";
import { ManagerError } from "./errors.ts";

/** As kubectl has it. */
const annotation = "kubectl.kubernetes.io/restartedAt";

/**
 * The same object with another template, so that its pods are replaced. Throws ManagerError for a kind that
 * has none.
 */
export function withRestart(manifest: Manifest, nowNs: bigint): Manifest {
  const restartedAt = new Date(Number(nowNs / 1_000_000n)).toISOString();
  switch (manifest.kind) {
    case "Deployment":
      return {
        ...manifest,
        spec: { ...manifest.spec, template: stamped(manifest.spec.template, restartedAt) },
      };
    case "StatefulSet":
      return {
        ...manifest,
        spec: { ...manifest.spec, template: stamped(manifest.spec.template, restartedAt) },
      };
    case "DaemonSet":
      return {
        ...manifest,
        spec: { ...manifest.spec, template: stamped(manifest.spec.template, restartedAt) },
      };
    default:
      throw new ManagerError(
        "InvalidArgument",
        `a ${manifest.kind} cannot be restarted; Deployment, StatefulSet and DaemonSet can`,
      );
  }
}

function stamped<
  Template extends {
    readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
  },
>(template: Template, restartedAt: string): Template {
  const annotations = { ...template.metadata?.annotations, [annotation]: restartedAt };
  return { ...template, metadata: { ...template.metadata, annotations } };
}
