import { isDeepStrictEqual } from "node:util";
import type { Manifest } from "../manifests/index.ts";
import { newestRevisionFirst, type RevisionedSet, templateOf } from "./controllers/controller-revisions.ts";
import { atRevision } from "./controllers/deployment-revisions.ts";
import { ManagerError } from "./errors.ts";
import { isOfKind, keyOf, type StoredObject, titleOf } from "./objects.ts";

/** The same as in kubectl. */
const annotation = "kubectl.kubernetes.io/restartedAt";

/**
 * Changes an object's template so that its pods are replaced. Throws ManagerError for a kind without a
 * template.
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

/** An object as it was at a revision. */
type Past = { readonly revision: number; readonly manifest: Manifest };

/**
 * The manifest of a Deployment, StatefulSet or DaemonSet at an earlier revision, 0 for the previous one, and
 * its number; no manifest if its template is already the current one. `owned` are the objects that it
 * created. Throws ManagerError.
 */
export function undone(
  object: StoredObject,
  owned: readonly StoredObject[],
  revision: number,
): { readonly revision: number; readonly manifest?: Manifest } {
  const title = titleOf(keyOf(object));
  if (isOfKind(object, "Deployment") && object.manifest.spec.paused === true)
    throw new ManagerError("FailedPrecondition", `${title} is paused: apply it without \`paused\` first`);
  const before = pastOf(object, owned, revision);
  if (before === undefined)
    throw new ManagerError(
      "NotFound",
      revision === 0 ? `${title} has no earlier revision` : `${title} has no revision ${revision}`,
    );
  const specOf = (manifest: Manifest) => ("spec" in manifest ? manifest.spec : undefined);
  const isSame = isDeepStrictEqual(specOf(before.manifest), specOf(object.manifest));
  return isSame ? { revision: before.revision } : before;
}

function pastOf(object: StoredObject, owned: readonly StoredObject[], revision: number): Past | undefined {
  if (isOfKind(object, "Deployment"))
    return atRevision(
      object,
      owned.filter((one) => isOfKind(one, "ReplicaSet")),
      revision,
    );
  if (isOfKind(object, "StatefulSet")) return setAt(object, owned, revision);
  if (isOfKind(object, "DaemonSet")) return setAt(object, owned, revision);
  throw new ManagerError(
    "InvalidArgument",
    `a ${object.manifest.kind} has no revisions; Deployment, StatefulSet and DaemonSet have`,
  );
}

function setAt(
  { manifest }: RevisionedSet,
  owned: readonly StoredObject[],
  revision: number,
): Past | undefined {
  const ordered = newestRevisionFirst(owned.filter((one) => isOfKind(one, "ControllerRevision")));
  const found = revision === 0 ? ordered[1] : ordered.find((one) => one.manifest.revision === revision);
  if (found === undefined) return undefined;
  const spec = { ...manifest.spec, template: templateOf(found) };
  return { revision: found.manifest.revision, manifest: { ...manifest, spec } as Manifest };
}
