import type { AnnotationRules } from "../spec/passed-annotations.ts";

/** What a handler can do beyond the runtime-spec's minimum; told to kubelets in the Status RPC. */
export type HandlerFeatures = {
  /** Mounts that are read-only all the way down (mount option `rro`). */
  readonly recursiveReadOnlyMounts: boolean;
  /** It can run containers in a user namespace that exists. ID-mapped mounts are ours. */
  readonly userNamespaces: boolean;
  /** It can give a container a cgroup namespace of its own. */
  readonly cgroupNamespaces: boolean;
  /**
   * `checkpoint` and `restore`: the program is built to use CRIU. Whether there is a CRIU is not its to say.
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
 * A runtime handler, under the name by which pods ask for it (RuntimeClass). `kind` says what makes its
 * tasks; whoever needs more than is said of every handler tells the kinds apart first.
 */
export type Handler = RuncLikeHandler;

/** What is known of a handler of any kind. */
type AnyHandler = {
  readonly name: string;
  readonly usability: Usability;
  readonly features: HandlerFeatures;
  /** Privileged containers get no devices of the host but those that they ask for. */
  readonly privilegedWithoutHostDevices: boolean;
} & AnnotationRules;

/** A program with runc's command line, which conmon runs. */
export type RuncLikeHandler = AnyHandler & {
  readonly kind: "runc-like";
  /** Absolute; "" when the program was not found. */
  readonly path: string;
  readonly type: "crun" | "runc" | "other";
  /** As the program says it, such as "1.8.1"; "" when not known. */
  readonly version: string;
  /** Directory in which the OCI runtime keeps its own state (`--root`), under the state directory. */
  readonly root: string;
};

export type Usability =
  | { readonly kind: "usable" }
  | { readonly kind: "unusable"; readonly reason: string; readonly remedy: string };

/** All handlers of this host, and the one that pods get which name none. */
export type HandlerTable = {
  readonly handlers: readonly Handler[];
  /** Name of the default handler. It may be unusable, when none is usable. */
  readonly defaultName: string;
  /** Why that one, in a sentence; for `berth doctor`. */
  readonly explanation: string;
};

/** A handler by name, "" being the default; undefined when there is none of that name. */
export function findHandler(table: HandlerTable, name: string): Handler | undefined {
  const wanted = name === "" ? table.defaultName : name;
  return table.handlers.find((handler) => handler.name === wanted);
}
