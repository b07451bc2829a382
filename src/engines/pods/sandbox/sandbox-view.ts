import type { Sandbox } from "../../engine/index.ts";
import type { SandboxRecord } from "../records/records.ts";
import { namespaceOptions } from "./sandbox-namespaces.ts";

/**
 * A sandbox as the engine shows it. One that is being made, or whose making was cut and could not be undone,
 * is not ready.
 */
export function sandboxView(record: SandboxRecord): Sandbox {
  return {
    id: record.id,
    config: record.config,
    handler: record.handler,
    createdAtNs: record.createdAtNs,
    state: record.phase === "ready" ? "ready" : "notReady",
    ips: record.phase === "ready" ? record.ips : [],
    namespaces: namespaceOptions(record.config),
  };
}
