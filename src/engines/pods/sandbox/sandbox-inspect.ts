import { findHandler } from "../../../services/runtime/index.ts";
import type { SandboxRecord } from "../records/records.ts";
import type { PodServices } from "../services.ts";
import { sandboxFacts } from "./sandbox-facts.ts";
import { sandboxPid } from "./sandbox-process.ts";
import { currentConfig } from "./sandbox-view.ts";

/**
 * What people look at when they look into a sandbox, and what their scripts take from it with containerd: a
 * process to enter the pod's namespaces with (`.info.pid`), the namespaces
 * (`.info.runtimeSpec.linux.namespaces`), and what CNI plugins said.
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
