import type { EphemeralContainer, Kind, Manifest, ManifestOf } from "../manifests/index.ts";
import type { PodStatus, ProbeResults } from "../podlife/index.ts";
import type { JobPodEnd } from "./job-pod-end.ts";

/** What tells an object from all others at a time. */
export type ObjectKey = { readonly kind: Kind; readonly namespace: string; readonly name: string };

/** An object that the manager keeps. */
export type StoredObject<M extends Manifest = Manifest> = {
  readonly manifest: M;
  /** Tells it from another of its name at another time. */
  readonly uid: string;
  /** Nanoseconds since 1970. */
  readonly createdAtNs: bigint;
  /** Counts changes of the manifest, from 1. */
  readonly generation: number;
  /** Of a pod: when the node had room for it, in nanoseconds since 1970. */
  readonly scheduledAtNs?: bigint;
  /** Of a pod: containers that were added to it while it ran. */
  readonly ephemeralContainers?: readonly EphemeralContainer[];
  /** Of a pod: what its containers' probes have come to. */
  readonly probeResults?: ProbeResults;
  /** Of a job: how its pods have ended that are there no more, or that somebody has deleted. */
  readonly gonePods?: readonly JobPodEnd[];
  /** Uid of the object that made this one and looks after it. */
  readonly owner?: string;
  /** Whose it is, if not a user's: the directory in which it is written. */
  readonly source?: string;
  /** It is on its way out: gone once all that it had is. */
  readonly deleting?: {
    readonly graceSeconds?: number;
    readonly successor?: Successor;
    /** Its controller has no need of it any more: nobody else asked for this. */
    readonly byController?: true;
  };
  /** What its controller remembers; of a pod its last status. */
  readonly status?: ObjectStatus;
};

/**
 * What an object makes room for. It is kept with that one, so that a manager that is killed meanwhile makes
 * it at its next start; it has its uid already, so that it is made once.
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
