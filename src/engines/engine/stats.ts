import type { CgroupUsage, Pressure, PressureLine, UsagePart } from "../../services/stats/index.ts";
import type { Container, Sandbox } from "./states.ts";

/**
 * Resource usage of containers and pod sandboxes. Figures are current, except for those that need sampling
 * (CPU rates) or a walk of a file system (writable layers): these are cached, each with its time.
 */
export interface Stats {
  /** In the order of the containers. One that is not running has no usage, but still a writable layer. */
  ofContainers(containers: readonly Container[]): Promise<readonly ContainerStats[]>;
  /**
   * In the order of the sandboxes, with their running containers; one that is not ready has no figures.
   * `parts` are read in addition to those that ContainerStats and PodSandboxStats need.
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
  /** Recent CPU time per second, in nanoseconds; undefined until there are two samples. */
  readonly usageNanoCores: bigint | undefined;
  /** Undefined until it was measured. */
  readonly writableLayer: LayerUsage | undefined;
};

/** Disk usage of a container's writable layer, and when it was measured. */
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
  /** Usage of the pod's own cgroup if no other pod shares it, otherwise the sum of its containers. */
  readonly usage: CgroupUsage | undefined;
  readonly usageNanoCores: bigint | undefined;
  /** Undefined with the host's network. */
  readonly network: NetworkStats | undefined;
  readonly containers: readonly ContainerStats[];
};

export type NetworkStats = {
  readonly atNs: bigint;
  /** Name of the interface on the default network; undefined if there is none. */
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
