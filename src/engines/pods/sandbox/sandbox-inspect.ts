import { findHandler } from "../../../services/runtime/index.ts";
import type { SandboxRecord } from "../records/records.ts";
import type { PodServices } from "../services.ts";
import { sandboxFacts } from "./sandbox-facts.ts";
import { sandboxPid } from "./sandbox-process.ts";
import { currentConfig } from "./sandbox-view.ts";

/**
 * Details of a sandbox for users, and for scripts that expect containerd's: a process through which to enter
 * the pod's namespaces (`.info.pid`), the namespaces (`.info.runtimeSpec.linux.namespaces`), and the CNI
 * result.
 */
export async function inspectSandbox(
  record: SandboxRecord,
  services: PodServices,
): Promise<Readonly<Record<string, unknown>>> {
  const { namespaces, files } = sandboxFacts(record, services);
  const handler = findHandler(services.handlers, record.resolvedHandler);
  const listed = Object.entries(namespaces).flatMap(([type, path]) =>
    path === undefined ? [] : [{ type, path }],
  );
  return {
    pid: sandboxPid(record.id, services),
    phase: record.phase,
    files,
    runtimeHandler: record.resolvedHandler,
    runtimePath: handler?.path,
    runtimeSpec: { linux: { namespaces: listed } },
    cniResult: await services.network.describe(record.id),
    config: currentConfig(record),
  };
}
