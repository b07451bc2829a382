import { isDeepStrictEqual } from "node:util";
import type { Manifest, ManifestOf } from "../manifests/index.ts";
import { atRevision } from "./controllers/deployment-revisions.ts";
import { ManagerError } from "./errors.ts";
import { isOfKind, keyOf, type StoredObject, titleOf } from "./objects.ts";

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

/**
 * A Deployment as it was at an earlier revision, 0 for the one before the current, with its number; no
 * manifest where its template is that already. Throws ManagerError.
 */
export function undone(
  object: StoredObject,
  sets: readonly StoredObject<ManifestOf<"ReplicaSet">>[],
  revision: number,
): { readonly revision: number; readonly manifest?: Manifest } {
  const title = titleOf(keyOf(object));
  if (!isOfKind(object, "Deployment"))
    throw new ManagerError("InvalidArgument", `a ${object.manifest.kind} has no revisions; a Deployment has`);
  if (object.manifest.spec.paused === true)
    throw new ManagerError("FailedPrecondition", `${title} is paused: apply it without \`paused\` first`);
  const before = atRevision(object, sets, revision);
  if (before === undefined)
    throw new ManagerError(
      "NotFound",
      revision === 0 ? `${title} has no earlier revision` : `${title} has no revision ${revision}`,
    );
  const isSame = isDeepStrictEqual(before.manifest.spec.template, object.manifest.spec.template);
  return isSame ? { revision: before.revision } : before;
}
