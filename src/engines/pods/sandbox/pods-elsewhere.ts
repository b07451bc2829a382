import { findMonitorsElsewhere } from "../../../services/runtime/index.ts";
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
  const lost = sandboxes
    .list()
    .filter((record) => record.phase === "ready" && usableSandboxes.loss(record) !== undefined);
  if (lost.length === 0) return;
  const monitors = await findMonitorsElsewhere();
  if (monitors.size === 0) return;
  const all = containers.list();
  const pid = lost
    .flatMap((record) => {
      const ofPod = all.filter(({ sandboxId }) => sandboxId === record.id);
      const bundles = [
        sandboxPaths(stateDir, record.id).pauseBundle,
        ...ofPod.map(({ id }) => containerPaths(stateDir, id).bundle),
      ];
      const pids = bundles.flatMap((bundle) => monitors.get(bundle) ?? []);
      // A pod may have lost its mounts there, too.
      return pids.filter((each) => usableSandboxes.loss(record, `/proc/${each}/root`) === undefined);
    })
    .at(0);
  if (pid === undefined) return;
  throw new EngineError(
    "FailedPrecondition",
    `pods of this daemon run in another mount namespace (that of conmon, process ${pid}), and what they need is not mounted in this one: ` +
      `start berthd where it ran before, in a unit without PrivateMounts=, PrivateTmp=, ProtectSystem= and the like, or as \`nsenter --mount=/proc/${pid}/ns/mnt berthd\`, ` +
      "or end them first (kill their conmons, and what these run)",
  );
}
