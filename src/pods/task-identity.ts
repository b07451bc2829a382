import type { TaskIdentity } from "../runtime/index.ts";
import { containerPaths } from "./paths.ts";
import type { ContainerRecord, SandboxRecord } from "./records.ts";
import type { PodServices } from "./services.ts";

/** Where a container's task is to be found. A sandbox that is gone leaves the default handler to look with. */
export function taskIdentity(
  record: ContainerRecord,
  sandbox: SandboxRecord | undefined,
  { stateDir, handlers }: PodServices,
): TaskIdentity {
  return {
    id: record.id,
    handler: sandbox?.resolvedHandler ?? handlers.defaultName,
    bundleDir: containerPaths(stateDir, record.id).bundle,
  };
}
