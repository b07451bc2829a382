import { containerCgroup, type TaskIdentity, type TaskSpec } from "../../../services/runtime/index.ts";
import { taskRestore } from "../checkpoint/restore-step.ts";
import { ensureLogDirectory } from "../container/container-log.ts";
import { containerSpec } from "../container/container-spec.ts";
import { containerPaths } from "../paths.ts";
import type { ContainerRecord, SandboxRecord } from "../records/records.ts";
import type { PodServices } from "../services.ts";

/** Everything needed to start the container. */
export async function taskSpec(
  record: ContainerRecord,
  sandbox: SandboxRecord,
  services: PodServices,
): Promise<TaskSpec> {
  const spec = containerSpec(record, sandbox, services);
  // Its user gets the error.
  spec.catch(() => undefined);
  const [restore] = await Promise.all([
    taskRestore(record, sandbox, services),
    ensureLogDirectory(record, services),
  ]);
  const { tty, stdin, stdinOnce } = record.config;
  return {
    ...taskIdentity(record, sandbox, services),
    spec,
    io: {
      kind: "console",
      lookUp: services.hostPaths.of(sandbox.id),
      logPath: record.logPath === "" ? undefined : record.logPath,
      terminal: tty,
      stdin,
      stdinOnce,
    },
    monitorCgroup: undefined,
    ...(restore === undefined ? {} : { restore }),
  };
}

/** The identity of a container's task. Without its sandbox, the default handler is used. */
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
