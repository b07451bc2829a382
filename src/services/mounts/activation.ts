import type { Labels } from "../../ground/labels/index.ts";
import type { DescribedMount } from "../../ground/linux/index.ts";

/** A mount as a client describes it; `target` is where in a tree it is to lie, "" for the whole of it. */
export type GivenMount = DescribedMount & { readonly target: string };

/** One that is mounted here. Of the type `loop` the mount point is a symbolic link to the device. */
export type ActiveMount = {
  readonly mount: GivenMount;
  readonly mountPoint: string;
  readonly mountedAtNs: bigint;
};

export type Activation = {
  readonly name: string;
  readonly labels: Labels;
  /** Holds it; undefined for one that only its labels hold. */
  readonly leaseId: string | undefined;
  readonly active: readonly ActiveMount[];
  /** What is left to mount, in this order. */
  readonly system: readonly GivenMount[];
};

export type ActivationRequest = {
  readonly name: string;
  readonly mounts: readonly GivenMount[];
  readonly labels: Labels;
  readonly leaseId: string | undefined;
  /** All is mounted here; what is left is a bind mount of the last one. */
  readonly temporary: boolean;
};

/** The activations of one containerd namespace. */
export interface Activations {
  /**
   * Throws MountsError: Unimplemented where nothing of it is to be mounted here, AlreadyExists,
   * InvalidArgument; LinuxError; HostPathError. Nothing is left behind then.
   */
  activate(request: ActivationRequest, signal?: AbortSignal): Promise<Activation>;
  /** Throws MountsError NotFound, FailedPrecondition (in use): it stays then, and can be tried again. */
  deactivate(name: string): Promise<void>;
  /** Throws MountsError NotFound. */
  get(name: string): Activation;
  list(): readonly Activation[];
  /** Throws MountsError NotFound. */
  setLabels(name: string, labels: Labels): Promise<Activation>;
  /**
   * Takes down at once what that lease alone has held, as it is deleted: its client may mount the same under
   * the same name next. One that is in use stays until a collection.
   */
  leaseEnded(leaseId: string): Promise<void>;
}
