import { findHandler } from "../runtime/index.ts";
import type { SandboxRecord } from "./records.ts";
import { sandboxFacts } from "./sandbox-facts.ts";
import type { PodServices } from "./services.ts";

/** What people look at when they look into a sandbox. */
export function inspectSandbox(
  record: SandboxRecord,
  services: PodServices,
): Readonly<Record<string, unknown>> {
  const { namespaces, files } = sandboxFacts(record, services);
  return {
    phase: record.phase,
    namespaces,
    files,
    runtimeHandler: findHandler(services.handlers, record.resolvedHandler),
    config: record.config,
  };
}
