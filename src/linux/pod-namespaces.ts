/** The kinds of namespaces that a pod has of its own and that live on as bind mounts, without a process. */
export type PinnedNamespace = "net" | "ipc" | "uts";

/** What {@link "./namespace-thread.ts"} is to make for a pod. */
export type PodNamespacesRequest = {
  /** Made (0700) when it is not there; holds one mount point named after each kind of namespace. Absolute. */
  readonly directory: string;
  readonly net: boolean;
  readonly ipc: boolean;
  readonly uts: boolean;
  /** Set in the new uts namespace; at most 64 bytes. Without `uts` it must be left out. */
  readonly hostname?: string;
  /** By name, with dots or slashes between the parts; each must belong to a namespace that is made here. */
  readonly sysctls: Readonly<Record<string, string>>;
};

/** Paths of the pins, for those that were asked for. */
export type PodNamespaces = { readonly [kind in PinnedNamespace]?: string };
