import { join } from "node:path";
import { describeSandbox, findHandler, passNone } from "../../../services/runtime/index.ts";
import { readSpec } from "../container/container-inspect.ts";
import { sandboxPaths } from "../paths.ts";
import type { SandboxRecord } from "../records/records.ts";
import type { PodServices } from "../services.ts";
import { sandboxFacts } from "./sandbox-facts.ts";
import { currentConfig } from "./sandbox-view.ts";

/** The OCI specification of a pod's pause process, or the one that it would have. */
export async function sandboxSpec(record: SandboxRecord, services: PodServices): Promise<object> {
  const { handlers, cgroupDriver, stateDir, logger } = services;
  const { pauseBundle } = sandboxPaths(stateDir, record.id);
  const paused = await readSpec(join(pauseBundle, "config.json"), logger);
  if (paused !== undefined) return paused;
  return describeSandbox({
    sandbox: sandboxFacts(record, services),
    sandboxConfig: currentConfig(record),
    cgroupDriver,
    annotationRules: findHandler(handlers, record.resolvedHandler) ?? passNone,
  });
}
