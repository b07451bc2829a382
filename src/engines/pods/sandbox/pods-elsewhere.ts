import { findMonitorElsewhere } from "../../../services/runtime/index.ts";
import { EngineError } from "../../engine/index.ts";
import { containerPaths, sandboxPaths } from "../paths.ts";
import type { PodServices } from "../services.ts";

/**
 * Throws EngineError FailedPrecondition if pods run whose namespaces are mounted, but in another mount
 * namespace than this daemon's: to it they look as after a restart of the machine, and it would end them all.
 */
export async function refusePodsElsewhere({
  sandboxes,
  containers,
  usableSandboxes,
  stateDir,
}: Pick<PodServices, "sandboxes" | "containers" | "usableSandboxes" | "stateDir">): Promise<void> {
  const lost = new Set<string>();
  for (const record of sandboxes.list())
    if (record.phase === "ready" && usableSandboxes.loss(record) !== undefined) lost.add(record.id);
  if (lost.size === 0) return;
  const ofLost = containers.list().filter(({ sandboxId }) => lost.has(sandboxId));
  const bundles = new Set([
    ...[...lost].map((id) => sandboxPaths(stateDir, id).pauseBundle),
    ...ofLost.map(({ id }) => containerPaths(stateDir, id).bundle),
  ]);
  const pid = await findMonitorElsewhere(bundles);
  if (pid === undefined) return;
  throw new EngineError(
    "FailedPrecondition",
    `pods of this daemon run in another mount namespace (that of conmon, process ${pid}), and what they need is not mounted in this one: ` +
      `start berthd where it ran before, or as \`nsenter --mount=/proc/${pid}/ns/mnt berthd\`, or end them first (kill their conmons, and what these run)`,
  );
}
