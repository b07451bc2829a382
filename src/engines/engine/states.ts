import type {
  ContainerConfig,
  LinuxContainerResources,
  NamespaceOption,
  PodSandboxConfig,
} from "../../ground/protocol/index.ts";
import type { Digest } from "../../parts/oci/index.ts";

export type Sandbox = {
  readonly id: string;
  readonly config: PodSandboxConfig;
  /** As requested; "" is the default handler. */
  readonly handler: string;
  readonly createdAtNs: bigint;
  readonly state: "ready" | "notReady";
  /** The primary address first; empty with the host's network, or if it is stopped. */
  readonly ips: readonly string[];
  readonly namespaces: NamespaceOption;
};

export type Container = {
  readonly id: string;
  readonly sandboxId: string;
  readonly config: ContainerConfig;
  readonly imageId: Digest;
  /** A reference with which the image can be pulled again: its digest reference, if it has one. */
  readonly imageRef: string;
  readonly createdAtNs: bigint;
  readonly state: ContainerState;
  /** Absolute; "" if there is no log. */
  readonly logPath: string;
  readonly user: {
    readonly uid: number;
    readonly gid: number;
    readonly supplementalGroups: readonly number[];
  };
  readonly stopSignal: number;
  /** The limits in force, or from the start on: with later updates, as far as this host supports them. */
  readonly resources: LinuxContainerResources | undefined;
  /** Images that it mounts. */
  readonly imageVolumes: readonly ImageVolume[];
};

export type ImageVolume = {
  /** Index into `config.mounts`. */
  readonly mount: number;
  /** The image that its name resolved to when the container was created. */
  readonly imageId: Digest;
};

export type ContainerState =
  | { readonly kind: "created" }
  | { readonly kind: "running"; readonly pid: number; readonly startedAtNs: bigint }
  | {
      readonly kind: "exited";
      /** 0n if it never ran. */
      readonly startedAtNs: bigint;
      readonly finishedAtNs: bigint;
      readonly exitCode: number;
      readonly reason: "Completed" | "Error" | "OOMKilled" | "StartError" | "Unknown";
      readonly message: string;
    }
  /** It is being created, or its state cannot be determined. */
  | { readonly kind: "unknown" };
