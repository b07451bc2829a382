import type { CgroupUsage, Pressure, PressureLine, UsagePart } from "../../services/stats/index.ts";
import type { Container, Sandbox } from "./states.ts";

/**
 * What containers and pod sandboxes use of the machine. The figures are those of the moment, but for what
 * only sampling can tell (a rate of CPU time) or what would cost a walk of a file system (a writable layer):
 * these are kept, each with its time.
 */
export interface Stats {
  /** In the order of the containers. One that does not run has no usage, and still has its writable layer. */
  ofContainers(containers: readonly Container[]): Promise<readonly ContainerStats[]>;
  /**
   * In the order of the sandboxes, with their running containers; one that is not ready has no figures.
   * `parts` are read besides those that ContainerStats and PodSandboxStats need.
   */
  ofSandboxes(sandboxes: readonly Sandbox[], parts?: readonly UsagePart[]): Promise<readonly SandboxStats[]>;
  /** The file system of writable layers as a whole. */
  fileSystem(): Promise<FileSystemStats>;
}

export type ContainerStats = {
  readonly container: Container;
  /** Its cgroup in the hierarchies: "/kubepods/pod1/ID". */
  readonly cgroup: string;
  readonly usage: CgroupUsage | undefined;
  /** Nanoseconds of CPU time in a second, lately; undefined while it has not been seen for long enough. */
  readonly usageNanoCores: bigint | undefined;
  /** Undefined while it was never measured. */
  readonly writableLayer: LayerUsage | undefined;
};

/** What a container has written into its own layer, and when that was measured. */
export type LayerUsage = {
  readonly takenAtNs: bigint;
  /** Directory whose file system holds it, as ImageFsInfo names it. */
  readonly mountpoint: string;
  readonly sizeBytes: number;
  readonly inodes: number;
};

export type SandboxStats = {
  readonly sandbox: Sandbox;
  readonly cgroup: string;
  /** Of the pod's own cgroup where it has one that no other pod shares, else the sum of its containers. */
  readonly usage: CgroupUsage | undefined;
  readonly usageNanoCores: bigint | undefined;
  /** Undefined with the host's network, which is not the pod's. */
  readonly network: NetworkStats | undefined;
  readonly containers: readonly ContainerStats[];
};

export type NetworkStats = {
  readonly atNs: bigint;
  /** Name of the interface on the default network; undefined when there is none of them. */
  readonly defaultInterface: string | undefined;
  /** Without the loopback. */
  readonly interfaces: readonly InterfaceStats[];
};

/** What has gone through one interface since it was made. */
export type InterfaceStats = {
  readonly name: string;
  readonly rxBytes: bigint;
  readonly rxPackets: bigint;
  readonly rxErrors: bigint;
  readonly rxDropped: bigint;
  readonly txBytes: bigint;
  readonly txPackets: bigint;
  readonly txErrors: bigint;
  readonly txDropped: bigint;
};

export type FileSystemStats = {
  /** Such as "/dev/vda1". */
  readonly device: string;
  readonly sizeBytes: bigint;
  readonly inodes: bigint;
  readonly freeInodes: bigint;
};

export type { CgroupUsage, Pressure, PressureLine, UsagePart };
