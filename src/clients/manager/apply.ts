import { isDeepStrictEqual } from "node:util";
import type { Container, Kind, Manifest, PodSpec } from "../manifests/index.ts";
import { ManagerError } from "./errors.ts";
import type { ObjectStore } from "./object-store.ts";
import { type StoredObject, titleOf } from "./objects.ts";
import { serviceConflicts } from "./services/service-conflicts.ts";

/** The result of applying an object. */
export type Applied = {
  readonly manifest: Manifest;
  readonly outcome: "created" | "configured" | "unchanged" | "replaced";
};

/**
 * Plans what applying manifests will do, in their order. Throws ManagerError FailedPrecondition for what
 * cannot be changed, unless it may be replaced, and for what another object already has.
 */
export function planApply(
  manifests: readonly Manifest[],
  store: Pick<ObjectStore, "get" | "listOf">,
  { replace = false }: { readonly replace?: boolean },
): readonly Applied[] {
  const refused = [...serviceConflicts(manifests, store.listOf("Service"))];
  const planned = manifests.map((manifest): Applied => {
    const key = { kind: manifest.kind, ...manifest.metadata };
    const before = store.get(key);
    if (before === undefined) return { manifest, outcome: "created" };
    if (isDeepStrictEqual(before.manifest, manifest) && before.deleting === undefined)
      return { manifest, outcome: "unchanged" };
    const why = whyNotChange(before, manifest);
    if (why === undefined) return { manifest, outcome: "configured" };
    if (!replace || before.deleting !== undefined) refused.push(why);
    return { manifest, outcome: "replaced" };
  });
  if (refused.length > 0) throw new ManagerError("FailedPrecondition", refused.join("\n"));
  return planned;
}

/** Why an object cannot be changed so; undefined where it can. */
export function whyNotChange(
  { manifest: before, deleting }: StoredObject,
  after: Manifest,
): string | undefined {
  const title = titleOf({ kind: after.kind, ...after.metadata });
  if (deleting !== undefined) return `${title} is being deleted; try again later`;
  if (!changesFixed(before, after) && !changesSealed(before, after)) return undefined;
  return `${title} has another specification and cannot be changed; delete it first, or recreate it with \`berth apply --replace\``;
}

/** Whether the change affects an immutable object, which keeps its data and stays immutable. */
function changesSealed(before: Manifest, after: Manifest): boolean {
  if (before.kind !== "ConfigMap" && before.kind !== "Secret") return false;
  if (before.immutable !== true) return false;
  const sealed = ({ metadata: _, ...rest }: Manifest) => rest;
  return !isDeepStrictEqual(sealed(before), sealed(after));
}

/** Sorts objects that pods use at their start before pods; otherwise keeps the given order. */
export function inOrderOfUse(one: Applied, other: Applied): number {
  return placeOf(one.manifest) - placeOf(other.manifest);
}

function placeOf({ kind }: Manifest): number {
  return ["Namespace", "ConfigMap", "Secret", "PersistentVolumeClaim", "Service"].includes(kind) ? 0 : 1;
}

/**
 * The fields of a specification that can change, because a controller or a pod's worker reads them again; all
 * fields of other kinds.
 */
const changeable: Readonly<Partial<Record<Kind, readonly string[]>>> = {
  Job: [
    "activeDeadlineSeconds",
    "backoffLimit",
    "maxFailedIndexes",
    "parallelism",
    "podReplacementPolicy",
    "suspend",
    "ttlSecondsAfterFinished",
  ],
  StatefulSet: [
    "minReadySeconds",
    "ordinals",
    "persistentVolumeClaimRetentionPolicy",
    "replicas",
    "revisionHistoryLimit",
    "template",
    "updateStrategy",
  ],
};

/** Kinds that find their pods with a selector. */
const bySelector = new Set<Kind>(["Deployment", "ReplicaSet", "DaemonSet"]);

/**
 * Whether a fixed field changes. As in Kubernetes, labels and annotations of all kinds can be changed, and
 * some fields of some kinds.
 */
function changesFixed(before: Manifest, after: Manifest): boolean {
  return !isDeepStrictEqual(fixedOf(before), fixedOf(after));
}

/**
 * The fixed part of a pod: everything but images, since a running container is restarted with a new image.
 */
function fixedOfPod({ containers, initContainers = [], ...spec }: PodSpec): unknown {
  const withoutImage = ({ image: _, ...rest }: Container) => rest;
  return {
    ...spec,
    containers: containers.map(withoutImage),
    initContainers: initContainers.map(withoutImage),
  };
}

function fixedOf(manifest: Manifest): unknown {
  const { kind } = manifest;
  if (kind === "Pod") return fixedOfPod(manifest.spec);
  const free = changeable[kind];
  const { spec } = manifest as { readonly spec?: object };
  const fields = Object.entries(spec ?? {});
  if (free !== undefined) return Object.fromEntries(fields.filter(([key]) => !free.includes(key)));
  return bySelector.has(kind) ? fields.find(([key]) => key === "selector") : undefined;
}
