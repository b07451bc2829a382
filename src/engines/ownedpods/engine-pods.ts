import type { HostPaths } from "../../ground/hostpaths/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import type { Containers, EngineEvent, Sandbox, Sandboxes } from "../engine/index.ts";

/** The part of an engine that is used here. */
export type EnginePods = {
  readonly sandboxes: Pick<Sandboxes, "list" | "stop" | "remove">;
  readonly containers: Pick<Containers, "get" | "list" | "remove" | "reopenLog">;
  /** Changes of pods from now on, with the ids of sandboxes or containers. */
  readonly changes: (
    signal: AbortSignal,
  ) => AsyncIterable<{ readonly kind: EngineEvent["kind"]; readonly id: string }>;
  readonly hostPaths: HostPaths;
  readonly logger: Logger;
};

/** A pod that exists or is being created. */
export type OtherPod = Pick<Sandbox, "id" | "config"> & {
  /** Whether it has stopped: it still has its name, but no ports. */
  readonly isOver: boolean;
};
