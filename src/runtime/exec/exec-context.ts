import type { PollThread } from "../../linux/index.ts";
import type { Logger } from "../../logging/index.ts";
import type { CgroupDriver } from "../cgroups/cgroups-path.ts";
import type { ContainerFreezer } from "../cgroups/container-freezer.ts";
import type { RuncLikeHandler } from "../handlers/handler.ts";
import type { OciProcess } from "../spec/types.ts";
import type { StreamOwner } from "../streams/stream-owner.ts";

/** The cgroup of the container that a command runs in. */
export type ExecCgroup = {
  /** See TaskRecord. */
  readonly directory: string;
  readonly freezer: ContainerFreezer;
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
  /** The container's own process, of which all is taken but its arguments and its terminal. */
  readonly process: OciProcess;
  /** It is in the host's PID namespace. */
  readonly hostPids: boolean;
  /** Undefined where the OCI runtime gives the streams to the command's user itself. */
  readonly streamOwner: StreamOwner | undefined;
  readonly cgroup: ExecCgroup | undefined;
  /** How long the output of an ExecSync is awaited after its command's end, when something that it left running holds the streams open; 0 is no limit. */
  readonly drainTimeoutMs: number;
  readonly logger: Logger;
  /** For terminals. */
  readonly pollThread: PollThread;
};
