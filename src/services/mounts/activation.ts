import type { Labels } from "../../ground/labels/index.ts";
import type { DescribedMount } from "../../ground/linux/index.ts";
import { type GarbageNode, holdersOf } from "../gc/index.ts";

/** A mount as a client describes it; `target` is its place in the tree, "" for the root. */
export type GivenMount = DescribedMount & { readonly target: string };

/** A mount that is mounted here. For the type `loop`, the mount point is a symbolic link to the device. */
export type ActiveMount = {
  readonly mount: GivenMount;
  readonly mountPoint: string;
  readonly mountedAtNs: bigint;
};

export type Activation = {
  readonly name: string;
  readonly labels: Labels;
  /** The lease that holds it; undefined if only its labels do. */
  readonly leaseId: string | undefined;
  readonly active: readonly ActiveMount[];
  /** The mounts that the client still has to mount, in this order. */
  readonly system: readonly GivenMount[];
};

/** An object that can hold an activation, whether or not it exists. */
export type Holder = { readonly kind: "lease"; readonly id: string } | GarbageNode;

/** Whether its lease, or an object that its labels `containerd.io/gc.bref.KIND` name, exists. */
export function isHeld(
  { leaseId, labels }: Pick<Activation, "leaseId" | "labels">,
  isThere: (holder: Holder) => boolean,
): boolean {
  if (leaseId !== undefined && isThere({ kind: "lease", id: leaseId })) return true;
  return holdersOf(labels).some(isThere);
}

export type ActivationRequest = {
  readonly name: string;
  readonly mounts: readonly GivenMount[];
  readonly labels: Labels;
  readonly leaseId: string | undefined;
  /** Everything is mounted here; the only remaining mount is a bind mount of the last one. */
  readonly temporary: boolean;
};

/** The activations of one containerd namespace. */
export interface Activations {
  /**
   * Leaves nothing on an error. Throws MountsError: Unimplemented if nothing has to be mounted here,
   * AlreadyExists, InvalidArgument; LinuxError; HostPathError.
   */
  activate(request: ActivationRequest, signal?: AbortSignal): Promise<Activation>;
  /**
   * Throws MountsError NotFound, FailedPrecondition (in use; it then stays, and the call can be repeated).
   */
  deactivate(name: string): Promise<void>;
  /** Throws MountsError NotFound. */
  get(name: string): Activation;
  list(): readonly Activation[];
  /** Throws MountsError NotFound. */
  setLabels(name: string, labels: Labels): Promise<Activation>;
  /**
   * Unmounts at once what only that lease held, when it is deleted: its client may use the same name next.
   * Activations that are in use stay until a collection.
   */
  leaseEnded(leaseId: string): Promise<void>;
}
