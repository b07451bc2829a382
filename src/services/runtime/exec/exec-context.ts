import type { CgroupDriver } from "../cgroups/cgroups-path.ts";
import type { ContainerFreezer } from "../cgroups/container-freezer.ts";
import type { RuncLikeHandler } from "../handlers/handler.ts";
import type { StreamOwner } from "../streams/stream-owner.ts";

/** The cgroup of the container that a command runs in. */
export type ExecCgroup = {
  /** See TaskRecord. */
  readonly directory: string;
  /** Left out, processes that fork faster than they can be listed are not held still. */
  readonly freezer?: ContainerFreezer;
};

/** What running a command in a container takes. */
export type ExecContext = {
  readonly containerId: string;
  readonly handler: RuncLikeHandler;
  /** What to start for it. */
  readonly program: string;
  readonly conmonPath: string;
  readonly cgroupDriver: CgroupDriver;
  /** For the files of this exec. */
  readonly bundleDir: string;
  /** It is in the host's PID namespace. */
  readonly hostPids: boolean;
  /** Undefined where the OCI runtime gives the streams to the command's user itself. */
  readonly streamOwner: StreamOwner | undefined;
  readonly cgroup: ExecCgroup | undefined;
  /** Whether the container's first process has ended, by the kernel's word. */
  readonly hasEnded: () => Promise<boolean>;
};
