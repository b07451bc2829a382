import type { RecordOf, Records } from "./records.ts";

export type Containers = Records<ContainerFixed, ContainerMutable>;
export type Container = RecordOf<ContainerFixed, ContainerMutable>;

/** What a container's tasks are created from, as in containerd (core/containers). */
type ContainerFixed = {
  /** The snapshotter of its root file system; "" if it has none. */
  readonly snapshotter: string;
  /** In the same namespace; undefined if it belongs to no sandbox. */
  readonly sandboxId?: string | undefined;
};

type ContainerMutable = {
  /** The name of the image that it was created from; "" for none. The image may no longer exist. */
  readonly image: string;
  /** The snapshot that is its root file system, kept from garbage collection; "" for none. */
  readonly snapshotKey: string;
};

export type Sandboxes = Records<SandboxFixed, SandboxMutable>;
export type Sandbox = RecordOf<SandboxFixed, SandboxMutable>;

/** As in containerd (core/sandbox). */
type SandboxFixed = {
  /** Name of the sandbox controller that runs it. */
  readonly sandboxer: string;
};

type SandboxMutable = object;
