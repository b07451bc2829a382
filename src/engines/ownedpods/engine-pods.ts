import type { HostPaths } from "../../ground/hostpaths/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import type { Containers, EngineEvent, Sandboxes } from "../engine/index.ts";

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
