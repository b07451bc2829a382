import type { EphemeralContainer, Kind, Manifest, ManifestOf } from "../manifests/index.ts";
import type { PodStatus, ProbeResults } from "../podlife/index.ts";
import type { JobPodEnd } from "./job-pod-end.ts";

/** Identifies an object at a given time. */
export type ObjectKey = { readonly kind: Kind; readonly namespace: string; readonly name: string };

/** An object that the manager stores. */
export type StoredObject<M extends Manifest = Manifest> = {
  readonly manifest: M;
  /** Distinguishes it from earlier and later objects with its name. */
  readonly uid: string;
  /** Nanoseconds since 1970. */
  readonly createdAtNs: bigint;
  /** Number of the manifest's version, from 1. */
  readonly generation: number;
  /** For a pod: when it was scheduled, in nanoseconds since 1970. */
  readonly scheduledAtNs?: bigint;
  /** For a pod: containers that were added while it ran. */
  readonly ephemeralContainers?: readonly EphemeralContainer[];
  /** For a pod: the results of its containers' probes. */
  readonly probeResults?: ProbeResults;
  /** For a job: how its pods ended that are gone or were deleted. */
  readonly gonePods?: readonly JobPodEnd[];
  /** Uid of the object that created this one and controls it. */
  readonly owner?: string;
  /** The directory that contains its manifest, unless a user applied it. */
  readonly source?: string;
  /** Set while it is being removed, which ends when everything that belongs to it is gone. */
  readonly deleting?: {
    /** When that was asked for, in nanoseconds since 1970; older managers did not keep it. */
    readonly sinceNs?: bigint;
    readonly graceSeconds?: number;
    readonly successor?: Successor;
    /** Set if only its controller requested the removal, because it no longer needs the object. */
    readonly byController?: true;
  };
  /** State of its controller; for a pod, its last status. */
  readonly status?: ObjectStatus;
};

/**
 * The replacement of an object. It is stored with that object, so that a manager that is killed meanwhile
 * creates it at the next start; it already has its uid, so that it is created only once.
 */
export type Successor = {
  readonly uid: string;
  readonly manifest: Manifest;
  readonly source?: string;
};

export type ObjectStatus = { readonly pod?: PodStatus } & { readonly [Field in string]?: unknown };

export type StoredPod = StoredObject<ManifestOf<"Pod">>;

export function keyOf({ manifest: { kind, metadata } }: StoredObject): ObjectKey {
  return { kind, namespace: metadata.namespace, name: metadata.name };
}

/** `Pod default/web`. */
export function titleOf({ kind, namespace, name }: ObjectKey): string {
  return namespace === "" ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}

export function isOfKind<K extends Kind>(
  object: StoredObject,
  kind: K,
): object is StoredObject<ManifestOf<K>> {
  return object.manifest.kind === kind;
}

export function isOfOneKind<M extends Manifest>(
  object: StoredObject,
  other: StoredObject<M>,
): object is StoredObject<M> {
  return object.manifest.kind === other.manifest.kind;
}
