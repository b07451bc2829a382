import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { ignoreMissing } from "../../../ground/fs/index.ts";
import { removeApart } from "../../../ground/trees/index.ts";
import { endLeftDump } from "../../../services/runtime/index.ts";
import { EngineError } from "../../engine/index.ts";
import type { ContainerLifecycle } from "../container/container-lifecycle.ts";
import { containerView } from "../container/container-view.ts";
import type { Retries } from "../records/retries.ts";
import type { PodServices } from "../services.ts";
import { beginJournal, readJournal } from "./journal.ts";
import { criuPaths, dumpPrefix, restorePrefix } from "./paths.ts";

/**
 * After a restart of the daemon: removes incomplete archives and resumes paused containers, in the
 * background, since a criu that is still running is ended first; until then, these containers are locked.
 * What fails is tried again: the journal stays until everything is rolled back.
 * Also removes what was unpacked for a container that was never created.
 */
export async function recoverCheckpoints(
  services: PodServices,
  containers: ContainerLifecycle,
  retries: Retries,
  signal: AbortSignal,
): Promise<void> {
  const { checkpointDir } = services;
  const names = (await readdir(checkpointDir).catch(ignoreMissing)) ?? [];
  for (const name of names) {
    const directory = join(checkpointDir, name);
    if (name.startsWith(restorePrefix)) {
      if (!services.containers.isKnown(name.slice(restorePrefix.length)))
        await services.trash.take(directory);
    } else if (name.startsWith(dumpPrefix)) {
      const id = name.slice(dumpPrefix.length);
      services.pendingRollbacks.begin(id);
      const rollback = { directory, hasResumed: false };
      void retries.run("rolling back an interrupted checkpoint", { directory }, async () => {
        await takeBack(rollback, services, containers, signal);
        services.pendingRollbacks.end(id);
      });
    }
  }
}

/** A client may pause the containers again before the rest of the rollback succeeds. */
type Rollback = { readonly directory: string; hasResumed: boolean };

async function takeBack(
  rollback: Rollback,
  services: PodServices,
  containers: ContainerLifecycle,
  signal: AbortSignal,
): Promise<void> {
  const { directory } = rollback;
  const { logger, taskTable, trash } = services;
  // The containers are locked before any call can use them.
  const journal = await readJournal(directory, logger);
  const ids = journal?.containerIds ?? [];
  using _ = await containers.hold(ids);
  for (const id of ids) requireKnown(id, services);
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
  if (ids.length > 0 && !rollback.hasResumed) {
    await Promise.all(pausedByUs.map((id) => taskTable.get(id)?.resume()));
    rollback.hasResumed = true;
    logger.warn(
      { containers: ids },
      "a checkpoint or a commit was interrupted when the daemon ended: rolling it back; the containers go on as before it",
    );
    // For the next daemon. On a full disk, what is removed now makes room.
    await beginJournal(directory, { containerIds: [], partial: journal?.partial ?? [] }).catch(
      (err: unknown) =>
        logger.warn(
          { err, containers: ids, directory },
          "cannot note that the containers of an interrupted checkpoint go on: if the daemon ends before the rollback is complete, the next one lets them go on again",
        ),
    );
  }
  const lookUp = services.hostPaths.of(directory, signal);
  await Promise.all([scratch, ...archives].map((path) => lookUp(path, () => removeApart(path))));
  await trash.take(directory);
}

/** A container that could not be recovered yet may be paused, or a criu may be at work on it. */
function requireKnown(id: string, { containers, taskTable }: PodServices): void {
  const record = containers.find(id);
  const isUnknown =
    record === undefined
      ? containers.findUnreadable(id) !== undefined
      : containerView(record, taskTable.get(id)).state.kind === "unknown";
  if (isUnknown) throw new EngineError("Unavailable", `container ${id} could not be recovered yet`);
}
