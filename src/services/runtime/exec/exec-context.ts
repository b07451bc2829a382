import type { CgroupDriver } from "../cgroups/cgroups-path.ts";
import type { ContainerFreezer } from "../cgroups/container-freezer.ts";
import type { RuncLikeHandler } from "../handlers/handler.ts";
import type { StreamOwner } from "../streams/stream-owner.ts";

/** The cgroup of the container that a command runs in. */
export type ExecCgroup = {
  /** See TaskRecord. */
  readonly directory: string;
  /** Without it, processes that fork faster than they can be listed are not frozen. */
  readonly freezer?: ContainerFreezer;
};

/** What is needed to run a command in a container. */
export type ExecContext = {
  readonly containerId: string;
  readonly handler: RuncLikeHandler;
  /** The program to start for it. */
  readonly program: string;
  readonly conmonPath: string;
  readonly cgroupDriver: CgroupDriver;
  /** Directory for the files of this exec. */
  readonly bundleDir: string;
  /** Whether it is in the host's PID namespace. */
  readonly hostPids: boolean;
  /** Undefined if the OCI runtime itself gives the streams to the command's user. */
  readonly streamOwner: StreamOwner | undefined;
  readonly cgroup: ExecCgroup | undefined;
  /** Whether the container's first process has ended, according to the kernel. */
  readonly hasEnded: () => Promise<boolean>;
};
