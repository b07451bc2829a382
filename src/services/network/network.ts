import type { PreparedPort } from "./builtin/plugin.ts";

/** The pod's interface on the default network: the one whose addresses are the pod's. */
export const defaultInterface = "eth0";

/**
 * Pod networks with CNI (specification 1.1.0, https://www.cni.dev/docs/spec/): which network is the default
 * one, ADD for a pod sandbox, DEL when it stops or its ADD was interrupted, STATUS for the Status RPC.
 */
export interface Network extends AsyncDisposable {
  /**
   * From memory; follows the configuration directory, also if it is created, or removed and recreated, later.
   */
  status(): NetworkStatus;
  /**
   * ADDs the default network as `eth0` (and others as `eth1`, ... if more than one is configured). Resolves
   * with the addresses; the result is stored on disk, so that DEL works after the configuration is gone and
   * after a reboot. The attachment is recorded before the first plugin runs, so that {@link detach} cleans up
   * after a crash in between. The record of an in-process attachment reaches the disk shortly afterwards: a
   * machine that fails before has lost the pod as well, and `detach` with what is known of the pod frees its
   * addresses. A failed ADD is followed by DEL here. Throws NetworkError: AlreadyExists (it is already
   * attached, and stays so), Unavailable (no configuration, with the reason of `status`), DeadlineExceeded (a
   * plugin hangs), Internal (a plugin fails or prints garbage; the message has the plugin's own).
   */
  attach(pod: PodAttachment, signal?: AbortSignal, prepared?: Prepared): Promise<NetworkResult>;
  /**
   * Prepares, in a network namespace that no pod has yet, the slowest part of {@link attach}; pass `prepared`
   * to that call. Undefined if nothing can be prepared, as with programs. It is not part of an attachment: it
   * disappears with the namespace, and a pod whose network has changed meanwhile is attached as if without
   * it. Throws NetworkError.
   */
  prepare(netnsPath: string): Promise<PreparedNetwork | undefined>;
  /**
   * DEL, from the record of ADD; idempotent, not an error if there is nothing to detach. `netnsPath` may no
   * longer exist (then CNI_NETNS is empty). `pod`: what is known of a pod that was certainly attached. If the
   * record is lost or damaged, the pod is detached with this from the networks that are configured now; if
   * none is, DEL has failed. A plugin is not interrupted because a caller stops waiting; if one was
   * interrupted before, the masquerading that its DEL no longer finds is removed too. Throws NetworkError if
   * DEL fails, but only for the configured time: then the pod is released with a warning, and DEL is retried
   * in the background and at the next start, until it succeeds.
   */
  detach(sandboxId: string, options?: { readonly pod?: PodAttachment }): Promise<void>;
  /** The plugins' results of a sandbox's attachment, by network; for people. None if it is not attached. */
  describe(sandboxId: string): Promise<readonly AttachedNetworkResult[]>;
  /** The addresses of an attached sandbox, as {@link attach} returned them; none if it is not attached. */
  addresses(sandboxId: string): Promise<readonly string[]>;
  /** Ids of the sandboxes with a recorded attachment; for recovery. */
  attachments(): Promise<readonly string[]>;
  /**
   * UpdateRuntimeConfig: the pod CIDR that the kubelet was given; renders the configuration template, if any.
   */
  setPodCidr(cidr: string): Promise<void>;
}

export type AttachedNetworkResult = {
  readonly interface: string;
  readonly network: string;
  /** CNI's result (specification, section 5); undefined while plugins are running. */
  readonly result: Readonly<Record<string, unknown>> | undefined;
};

export type NetworkStatus =
  | { readonly kind: "ready" }
  | { readonly kind: "notReady"; readonly reason: string; readonly message: string };

/** What CNI plugins get to know about a pod. */
export type PodAttachment = {
  readonly sandboxId: string;
  readonly netnsPath: string;
  readonly podName: string;
  readonly podNamespace: string;
  readonly podUid: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly cgroupPath: string;
  readonly portMappings: readonly PortMapping[];
  readonly dns: {
    readonly servers: readonly string[];
    readonly searches: readonly string[];
    readonly options: readonly string[];
  };
  /** From the `kubernetes.io/{ingress,egress}-bandwidth` annotations, in bits per second. */
  readonly bandwidth?: { readonly ingressRate?: number; readonly egressRate?: number };
};

export type PortMapping = {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly hostIp?: string;
};

/** What {@link Network.prepare} has prepared, and for which network. */
export type PreparedNetwork = { readonly network: string; readonly port: PreparedPort };

/**
 * The same, for a pod whose namespace is still being pinned at its `netnsPath`; it is there once `pinned`
 * resolves. Until {@link Network.attach} has ended, it is also where it was when this was prepared.
 */
export type Prepared = PreparedNetwork & { readonly pinned: Promise<unknown> };

/** Addresses without prefix length. */
export type NetworkResult = {
  /** The addresses of `eth0`: at least one, the preferred one first. */
  readonly ips: readonly string[];
  /** The interfaces in the pod's namespace, with the addresses of each. */
  readonly interfaces: readonly {
    readonly name: string;
    readonly mac: string;
    readonly ips: readonly string[];
  }[];
};
