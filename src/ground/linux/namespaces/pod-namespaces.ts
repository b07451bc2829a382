import { hostIdOf, type IdMappings } from "./id-mappings.ts";

/** Kinds of namespaces that a single thread can be in. */
export type ThreadNamespace = "net" | "ipc" | "uts";

/** The kinds of namespaces that a pod has of its own and that live on as bind mounts, without a process. */
export type PinnedNamespace = ThreadNamespace | "user";

/** Descriptors of one namespace of each kind. */
export type NamespaceDescriptors = Readonly<Record<ThreadNamespace, number>>;

/** The namespaces that {@link "./namespace-thread.ts"} creates for a pod. */
export type PodNamespacesRequest = {
  /** Created (0700) if needed; contains one mount point named after each kind of namespace. Absolute. */
  readonly directory: string;
  readonly net: boolean;
  readonly ipc: boolean;
  readonly uts: boolean;
  /** A user namespace that owns the others, with these ids; without it they belong to the host's. */
  readonly user?: IdMappings;
  /** Set in the new uts namespace; at most 64 bytes. Without `uts` it must be left out. */
  readonly hostname?: string;
  /**
   * By name, with dots or slashes between the parts; each must belong to a namespace that is created here.
   */
  readonly sysctls: Readonly<Record<string, string>>;
};

/** Paths of the pins of the requested namespaces. */
export type PodNamespaces = { readonly [kind in PinnedNamespace]?: string };

/**
 * The same for the thread. With a user namespace, a process already holds all of them, and if they were
 * created in advance, this process does: then they are only pinned and set up.
 */
export type PodNamespacesJob = PodNamespacesRequest & {
  readonly holderPid?: number;
  readonly held?: NamespaceDescriptors;
};

/** Who the root of the user namespace is outside; undefined without one. */
export function rootUidOf({ user }: PodNamespacesRequest): number | undefined {
  return user && hostIdOf(user.uids, 0);
}
