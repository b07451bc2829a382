import type { AnnotationRules } from "../spec/passed-annotations.ts";

/** A handler's features beyond the runtime-spec's minimum; reported to kubelets in the Status RPC. */
export type HandlerFeatures = {
  /** Recursively read-only mounts (mount option `rro`). */
  readonly recursiveReadOnlyMounts: boolean;
  /** It can run containers in an existing user namespace. berth creates ID-mapped mounts itself. */
  readonly userNamespaces: boolean;
  /** It can give a container a cgroup namespace of its own. */
  readonly cgroupNamespaces: boolean;
  /**
   * `checkpoint` and `restore`: the program is built to use CRIU. This does not say whether CRIU is
   * installed.
   */
  readonly checkpoint: boolean;
  /**
   * A container's spec must repeat the ID mappings of a user namespace that it joins. crun takes them from
   * the namespace, and would, told of them, give the host's /dev/null to the pod's root: what a container has
   * as standard input.
   */
  readonly idMappingsInSpec: boolean;
  /**
   * It makes the sysfs of a network namespace itself read-only, not only a container's mount of it (runc): a
   * privileged container that comes later has to take that back.
   */
  readonly readOnlySysfsForAll: boolean;
};

/**
 * A runtime handler, under the name that pods request (RuntimeClass). `kind` says what runs its tasks; code
 * that needs more than the common fields must distinguish kinds.
 */
export type Handler = RuncLikeHandler;

/** Common fields of all kinds. */
type AnyHandler = {
  readonly name: string;
  readonly usability: Usability;
  readonly features: HandlerFeatures;
  /** Privileged containers get only the host devices that they request. */
  readonly privilegedWithoutHostDevices: boolean;
} & AnnotationRules;

/** A program with runc's command line, which conmon runs. */
export type RuncLikeHandler = AnyHandler & {
  readonly kind: "runc-like";
  /** Absolute; "" if the program was not found. */
  readonly path: string;
  readonly type: "crun" | "runc" | "other";
  /** As the program reports it, such as "1.8.1"; "" if unknown. */
  readonly version: string;
  /** Directory in which the OCI runtime keeps its own state (`--root`), under the state directory. */
  readonly root: string;
};

export type Usability =
  | { readonly kind: "usable" }
  | { readonly kind: "unusable"; readonly reason: string; readonly remedy: string };

/** All handlers of this host, and the default one. */
export type HandlerTable = {
  readonly handlers: readonly Handler[];
  /** Name of the default handler. It may be unusable, if none is usable. */
  readonly defaultName: string;
  /** Why that one, in a sentence; for `berth doctor`. */
  readonly explanation: string;
};

/** A handler by name; "" is the default; undefined if there is none. */
export function findHandler(table: HandlerTable, name: string): Handler | undefined {
  const wanted = name === "" ? table.defaultName : name;
  return table.handlers.find((handler) => handler.name === wanted);
}
