import { exists } from "../../../ground/fs/index.ts";
import { mountInfo } from "../../../ground/linux/index.ts";
import { needsPause } from "../../podnetwork/index.ts";
import { sandboxPaths } from "../paths.ts";
import type { SandboxRecord } from "../records/records.ts";
import type { PodServices } from "../services.ts";
import { sandboxFacts } from "./sandbox-facts.ts";

/**
 * Checks once for all sandboxes which of them still exist: namespaces pinned, files in the state directory,
 * pause process alive. After a restart of the machine, none does.
 */
export async function sandboxSurvival(
  services: PodServices,
): Promise<(record: SandboxRecord) => Promise<boolean>> {
  const mounted = new Set((await mountInfo()).map(({ mountPoint }) => mountPoint));
  return async (record) => {
    const { network, ipc, uts, user } = sandboxFacts(record, services).namespaces;
    const pins = [network, ipc, uts, user].filter((path) => path !== undefined);
    if (!pins.every((path) => mounted.has(path))) return false;
    if (needsPause(record.config) && !(await services.pauses.attach(record))) return false;
    return exists(sandboxPaths(services.stateDir, record.id).hosts);
  };
}
