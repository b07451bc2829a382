import type { PollThread } from "../../linux/index.ts";
import type { CgroupDriver } from "../cgroups/cgroups-path.ts";
import type { Handler } from "../handlers/handler.ts";
import type { OciProcess } from "../spec/types.ts";

/** What running a command in a container takes. */
export type ExecContext = {
  readonly containerId: string;
  readonly handler: Handler;
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
  /** See TaskRecord. */
  readonly cgroupDir: string | undefined;
  /** How long output is awaited after the command's end, when something it left running holds its streams open. */
  readonly drainMs: number;
  /** For terminals. */
  readonly pollThread: PollThread;
};
