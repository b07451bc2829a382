import { EngineError } from "../../engine/index.ts";
import type { RecordStore } from "../records/record-store.ts";
import type { SandboxRecord } from "../records/records.ts";

/** Throws EngineError: NotFound; FailedPrecondition for a sandbox in which nothing can be made or started. */
export function readySandbox(sandboxes: RecordStore<SandboxRecord>, idOrPrefix: string): SandboxRecord {
  const sandbox = sandboxes.get(idOrPrefix);
  if (sandbox.phase === "ready") return sandbox;
  throw new EngineError(
    "FailedPrecondition",
    `pod sandbox ${sandbox.id} is not ready; containers need a running sandbox`,
  );
}
