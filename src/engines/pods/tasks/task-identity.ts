import { containerCgroup, type TaskIdentity } from "../../../services/runtime/index.ts";
import { containerPaths } from "../paths.ts";
import type { ContainerRecord, SandboxRecord } from "../records/records.ts";
import type { PodServices } from "../services.ts";

/**
 * Where a container's task is to be found. A sandbox that is gone leaves the default handler to look with.
 */
export function taskIdentity(
  record: ContainerRecord,
  sandbox: SandboxRecord | undefined,
  { stateDir, handlers, cgroupDriver }: Pick<PodServices, "stateDir" | "handlers" | "cgroupDriver">,
): TaskIdentity {
  return {
    id: record.id,
    handler: sandbox?.resolvedHandler ?? handlers.defaultName,
    bundleDir: containerPaths(stateDir, record.id).bundle,
    cgroup: sandbox && containerCgroup(cgroupDriver, sandbox.config.linux?.cgroupParent ?? "", record.id),
  };
}
