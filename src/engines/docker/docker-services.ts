import type { HostPaths } from "../../ground/hostpaths/index.ts";
import type { CgroupLayout, NamespaceThread } from "../../ground/linux/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import type { KeyLock } from "../../ground/sync/index.ts";
import type { DockerClient, DockerInfo } from "../../parts/dockerapi/index.ts";
import type { Network } from "../../services/network/index.ts";
import type { ContainerLogs } from "./container-logs.ts";
import type { ProcessLimits } from "./docker-resources.ts";
import type { EngineAbilities } from "./engine-abilities.ts";
import type { Execs } from "./execs.ts";
import type { Mirror } from "./mirror.ts";
import type { RemovedContainers } from "./removed-containers.ts";
import type { SandboxFiles } from "./sandbox-files.ts";
import type { SecuritySettings } from "./security-options.ts";
import type { Unfinished } from "./unfinished.ts";

/** The dependencies that the parts of the engine share. */
export type DockerServices = {
  readonly client: DockerClient;
  readonly mirror: Mirror;
  readonly network: Network;
  readonly logs: ContainerLogs;
  readonly execs: Execs;
  readonly sandboxFiles: SandboxFiles;
  readonly cgroups: CgroupLayout;
  readonly namespaces: NamespaceThread;
  readonly unfinished: Unfinished;
  readonly removed: RemovedContainers;
  /** Held while a container is created in a sandbox, and while the sandbox is stopped or removed. */
  readonly sandboxLocks: KeyLock;
  readonly hostPaths: HostPaths;
  readonly logger: Logger;
  readonly settings: DockerSettings;
  /** Path of a static program that pauses and reaps zombies. */
  readonly pauseProgram: string;
  /** Name of the sandbox image; "" for the one that is built from `pauseProgram`. */
  readonly sandboxImage: string;
  /** Docker's `/info`, requested once per connection. */
  readonly info: () => Promise<DockerInfo>;
  readonly abilities: () => Promise<EngineAbilities>;
  /** Called before each step of creating and removing pods, with its name; tests kill the daemon there. */
  readonly observer: (step: string) => void;
};

export type DockerSettings = ProcessLimits & {
  readonly network: "cni" | "bridge";
  readonly defaultSysctls: Readonly<Record<string, string>>;
  readonly security: SecuritySettings;
  readonly absentMountSourcesToReject: readonly string[];
  readonly logBufferMib: number;
  /** The lowest OOM score adjustment that processes on this machine may be given. */
  readonly minOomScoreAdj: number;
};
