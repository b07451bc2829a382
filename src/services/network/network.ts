import type { PreparedPort } from "./builtin/plugin.ts";

/** The pod's interface on the default network: the one whose addresses are the pod's. */
export const defaultInterface = "eth0";

/**
 * Pod networks by CNI (specification 1.1.0, https://www.cni.dev/docs/spec/): which network is the default
 * one, ADD for a pod sandbox, DEL when it stops or was cut off half-way, STATUS for the Status RPC.
 */
export interface Network extends AsyncDisposable {
  /**
   * From memory; follows the configuration directory also when that is made, or removed and made again,
   * later.
   */
  status(): NetworkStatus;
  /**
   * ADDs the default network as `eth0` (and others as `eth1`, ... where more than one is configured).
   * Resolves with the addresses; the result is kept on disk, so that DEL works after the configuration is
   * gone and after a reboot. Before the first plugin runs, the attachment is written down, so that
   * {@link detach} cleans up after a crash in the middle. What was made in process reaches the disk shortly
   * after: a machine that fails before has lost the pod as well, and `detach` of what is known of the pod
   * frees its addresses. A failed ADD is followed by DEL here. Throws NetworkError: AlreadyExists (it is
   * attached already, and stays so), Unavailable (no configuration, with the reason of `status`),
   * DeadlineExceeded (a plugin hangs), Internal (a plugin fails or prints garbage; the message has the
   * plugin's own).
   */
  attach(pod: PodAttachment, signal?: AbortSignal, prepared?: Prepared): Promise<NetworkResult>;
  /**
   * Makes ahead, in a network namespace that no pod has yet, what takes {@link attach} longest there;
   * `prepared` is then that call's. Undefined where nothing can be made ahead, as by programs. It is part of
   * no attachment: it goes with the namespace, and a pod whose network is another one by then is attached as
   * without it. Throws NetworkError.
   */
  prepare(netnsPath: string): Promise<PreparedNetwork | undefined>;
  /**
   * DEL, by what was written down of ADD; idempotent, no error when there is nothing to detach. `netnsPath`
   * may be gone already (then CNI_NETNS is empty). `pod`: of one that was attached for certain, what is known
   * of it. Where what was written down is lost or damaged, it is detached by this from the networks that are
   * configured now; where none is, DEL has failed. A plugin is not ended half-way because somebody does not
   * want to wait; where one was cut off before, the masquerading that its DEL does not find any more is taken
   * away too. Throws NetworkError when DEL fails; but for no longer than the configured time: then the pod is
   * let go with a warning, and DEL is tried again in the background and at the next start, until it succeeds.
   */
  detach(sandboxId: string, options?: { readonly pod?: PodAttachment }): Promise<void>;
  /**
   * What the plugins said when a sandbox was attached, network by network; for people. None when it is not
   * attached.
   */
  describe(sandboxId: string): Promise<readonly AttachedNetworkResult[]>;
  /** The addresses of an attached sandbox, as {@link attach} gave them; none when it is not attached. */
  addresses(sandboxId: string): Promise<readonly string[]>;
  /** Ids of the sandboxes for which an attachment is written down; for recovery. */
  attachments(): Promise<readonly string[]>;
  /**
   * UpdateRuntimeConfig: the pod CIDR that the kubelet was given; renders the configuration template if there
   * is one.
   */
  setPodCidr(cidr: string): Promise<void>;
}

export type AttachedNetworkResult = {
  readonly interface: string;
  readonly network: string;
  /** CNI's result (specification, section 5); undefined while plugins are at work. */
  readonly result: Readonly<Record<string, unknown>> | undefined;
};

export type NetworkStatus =
  | { readonly kind: "ready" }
  | { readonly kind: "notReady"; readonly reason: string; readonly message: string };

/** What CNI plugins are told of a pod. */
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
  /** From the `kubernetes.io/{ingress,egress}-bandwidth` annotations, in bits a second. */
  readonly bandwidth?: { readonly ingressRate?: number; readonly egressRate?: number };
};

export type PortMapping = {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly hostIp?: string;
};

/** What {@link Network.prepare} has made: of which network, and what. */
export type PreparedNetwork = { readonly network: string; readonly port: PreparedPort };

/**
 * The same, for a pod whose namespace is only being pinned at its `netnsPath`; it is there once `pinned`
 * resolves. Until {@link Network.attach} has ended it is also where it was when this was made.
 */
export type Prepared = PreparedNetwork & { readonly pinned: Promise<unknown> };

/** Addresses without prefix length. */
export type NetworkResult = {
  /** The pod's own, which are those of `eth0`: at least one, the preferred one first. */
  readonly ips: readonly string[];
  /** Of the pod's namespace, with the addresses of each. */
  readonly interfaces: readonly {
    readonly name: string;
    readonly mac: string;
    readonly ips: readonly string[];
  }[];
};
