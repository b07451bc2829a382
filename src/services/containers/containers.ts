import type { RecordOf, Records } from "./records.ts";

export type Containers = Records<ContainerFixed, ContainerMutable>;
export type Container = RecordOf<ContainerFixed, ContainerMutable>;

/** As in containerd, what a container's tasks are made of (core/containers). */
type ContainerFixed = {
  /** The snapshotter of its root file system; "" for one that has none. */
  readonly snapshotter: string;
  /** Of the same namespace; undefined for one that is in none. */
  readonly sandboxId?: string | undefined;
};

type ContainerMutable = {
  /** The name of the image that it was made of; "" for none. The image need not exist any more. */
  readonly image: string;
  /** The snapshot that is its root file system, kept from garbage collection; "" for none. */
  readonly snapshotKey: string;
};

export type Sandboxes = Records<SandboxFixed, SandboxMutable>;
export type Sandbox = RecordOf<SandboxFixed, SandboxMutable>;

/** As in containerd (core/sandbox). */
type SandboxFixed = {
  /** Who runs it: the name of a sandbox controller. */
  readonly sandboxer: string;
};

type SandboxMutable = object;
