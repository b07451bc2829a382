import type { HostPaths } from "../../ground/hostpaths/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import type { Containers, EngineEvent, Sandbox, Sandboxes } from "../engine/index.ts";

/** An engine's pods, as they are seen and changed here. */
export type EnginePods = {
  readonly sandboxes: Pick<Sandboxes, "list" | "stop" | "remove">;
  readonly containers: Pick<Containers, "get" | "list" | "remove" | "reopenLog">;
  /** What happens to pods, from now on; ids of sandboxes and of containers. */
  readonly changes: (
    signal: AbortSignal,
  ) => AsyncIterable<{ readonly kind: EngineEvent["kind"]; readonly id: string }>;
  readonly hostPaths: HostPaths;
  readonly logger: Logger;
};

/** A pod that is there, or is being made. */
export type OtherPod = Pick<Sandbox, "id" | "config"> & {
  /** It has stopped: it has its name still, and no port. */
  readonly isOver: boolean;
};
