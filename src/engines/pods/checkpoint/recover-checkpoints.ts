import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { ignoreMissing } from "../../../ground/fs/index.ts";
import { removeApart } from "../../../ground/trees/index.ts";
import { endLeftDump } from "../../../services/runtime/index.ts";
import type { ContainerLifecycle } from "../container/container-lifecycle.ts";
import type { PodServices } from "../services.ts";
import { readJournal } from "./journal.ts";
import { criuPaths, dumpPrefix, restorePrefix } from "./paths.ts";

/**
 * After a restart of the daemon: removes incomplete archives and resumes paused containers, in the
 * background, since a criu that is still running is ended first; until then, these containers are locked.
 * Also removes what was unpacked for a container that was never created.
 */
export async function recoverCheckpoints(
  services: PodServices,
  containers: ContainerLifecycle,
  signal: AbortSignal,
): Promise<void> {
  const { checkpointDir, logger } = services;
  const names = (await readdir(checkpointDir).catch(ignoreMissing)) ?? [];
  for (const name of names) {
    const directory = join(checkpointDir, name);
    if (name.startsWith(restorePrefix)) {
      if (!services.containers.isKnown(name.slice(restorePrefix.length)))
        await services.trash.take(directory);
    } else if (name.startsWith(dumpPrefix)) {
      takeBack(directory, services, containers, signal).catch((err: unknown) =>
        logger.error(
          { err, directory },
          "rolling back an interrupted checkpoint failed; it is retried at the next start",
        ),
      );
    }
  }
}

async function takeBack(
  directory: string,
  services: PodServices,
  containers: ContainerLifecycle,
  signal: AbortSignal,
): Promise<void> {
  const { logger, taskTable, trash } = services;
  // The containers are locked before any call can use them.
  const journal = await readJournal(directory, logger);
  const ids = journal?.containerIds ?? [];
  using _ = await containers.hold(ids);
  const [scratch = directory, ...archives] = journal?.partial ?? [];
  await Promise.all(
    ids.map(async (id) => {
      const task = taskTable.get(id);
      if (task === undefined) return;
      await endLeftDump(criuPaths(scratch, id).imageDir, { livePid: () => task.livePid(), logger });
    }),
  );
  if (signal.aborted) return;
  const pausedByUs = ids.filter((id) => journal?.pausedBefore?.includes(id) !== true);
  await Promise.all(pausedByUs.map((id) => taskTable.get(id)?.resume()));
  const lookUp = services.hostPaths.of(directory, signal);
  await Promise.all([scratch, ...archives].map((path) => lookUp(path, () => removeApart(path))));
  await trash.take(directory);
  if (ids.length === 0) return;
  logger.warn(
    { containers: ids },
    "a checkpoint or a commit was interrupted when the daemon ended: rolling it back; the containers go on as before it",
  );
}
