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
  /** As asked for; "" is the default handler. */
  readonly handler: string;
  readonly createdAtNs: bigint;
  readonly state: "ready" | "notReady";
  /** The primary address first; none with the host's network or when it is stopped. */
  readonly ips: readonly string[];
  readonly namespaces: NamespaceOption;
};

export type Container = {
  readonly id: string;
  readonly sandboxId: string;
  readonly config: ContainerConfig;
  readonly imageId: Digest;
  /** A reference by which the image can be pulled again: its digest reference where it has one. */
  readonly imageRef: string;
  readonly createdAtNs: bigint;
  readonly state: ContainerState;
  /** Absolute; "" when no log is kept. */
  readonly logPath: string;
  readonly user: {
    readonly uid: number;
    readonly gid: number;
    readonly supplementalGroups: readonly number[];
  };
  readonly stopSignal: number;
  /**
   * Those in force, or to be with the start: with what updates have changed, and as far as this host can give
   * them.
   */
  readonly resources: LinuxContainerResources | undefined;
  /** Images that it mounts. */
  readonly imageVolumes: readonly ImageVolume[];
};

export type ImageVolume = {
  /** Which of `config.mounts`. */
  readonly mount: number;
  /** What its name stood for when the container was made. */
  readonly imageId: Digest;
};

export type ContainerState =
  | { readonly kind: "created" }
  | { readonly kind: "running"; readonly pid: number; readonly startedAtNs: bigint }
  | {
      readonly kind: "exited";
      /** 0n when it never ran. */
      readonly startedAtNs: bigint;
      readonly finishedAtNs: bigint;
      readonly exitCode: number;
      readonly reason: "Completed" | "Error" | "OOMKilled" | "StartError" | "Unknown";
      readonly message: string;
    }
  /** Being created or of a state that cannot be found out. */
  | { readonly kind: "unknown" };
