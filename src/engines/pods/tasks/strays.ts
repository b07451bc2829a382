import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { ignoreMissing, ignoreNowhere } from "../../../ground/fs/index.ts";
import { unmount, unmountBelow } from "../../../ground/linux/index.ts";
import { containerPaths, sandboxPaths } from "../paths.ts";
import { removeDirectory } from "../records/remove-directory.ts";
import type { PodServices } from "../services.ts";

/** Names of containers and sandboxes; anything else in these directories is not berth's. */
const idPattern = /^[0-9a-f]{64}$/;

/**
 * Ends containers and pods in the state directory without a record, and removes everything that belongs to
 * them: they exist if the database was moved away or replaced by an older one. Also removes volumes of
 * removed containers, which a berth without such volumes leaves. Must run before anything is recovered or
 * deleted; failures are logged and retried at the next start.
 */
export async function endStrays(services: PodServices): Promise<void> {
  const { stateDir, declaredVolumes, containers, sandboxes, trash } = services;
  const isContainer = (id: string) => containers.isKnown(id);
  const isSandbox = (id: string) => sandboxes.isKnown(id);
  const each = async (
    directory: string,
    isKnown: (id: string) => boolean,
    end: (id: string) => Promise<void>,
  ) => {
    const strays = (await idsIn(directory)).filter((id) => !isKnown(id));
    await Promise.all(strays.map((id) => endLogged(join(directory, id), () => end(id), services)));
  };
  await each(join(stateDir, "containers"), isContainer, (id) => endContainer(id, services));
  await each(join(stateDir, "sandboxes"), isSandbox, (id) => endSandbox(id, services));
  await each(
    join(stateDir, "exits"),
    (id) => isContainer(id) || isSandbox(id),
    (id) => rm(join(stateDir, "exits", id), { force: true }),
  );
  await each(declaredVolumes.directory, isContainer, (id) => trash.take(join(declaredVolumes.directory, id)));
}

async function idsIn(directory: string): Promise<readonly string[]> {
  const names = (await readdir(directory).catch(ignoreMissing)) ?? [];
  return names.filter((name) => idPattern.test(name));
}

async function endLogged(path: string, end: () => Promise<void>, { logger }: PodServices): Promise<void> {
  try {
    await end();
    logger.warn({ path }, "found without a record: killed and removed");
  } catch (err) {
    logger.error({ err, path }, "found without a record, and cannot be killed; retrying at the next start");
  }
}

/**
 * Ends a container and removes its files in the state directory. Throws what a step throws; can be repeated.
 */
export async function endContainer(id: string, services: PodServices): Promise<void> {
  const { bundle } = containerPaths(services.stateDir, id);
  await endTask(id, bundle, services);
  await unmountAll(bundle);
  await removeDirectory(bundle, services.trees);
}

/** The same for a pod, in the order of a normal teardown. */
export async function endSandbox(id: string, services: PodServices): Promise<void> {
  const { directory, namespaces, pauseBundle } = sandboxPaths(services.stateDir, id);
  await endTask(id, pauseBundle, services);
  await services.network
    .detach(id)
    .catch((err: unknown) =>
      services.logger.warn({ err, sandbox: id }, "its network is torn down once the plugins can be called"),
    );
  await services.sandboxCgroups.removeNoted(id);
  await services.namespaceThread.unpinNamespaces(namespaces);
  await unmountAll(directory);
  await removeDirectory(directory, services.trees);
}

/** If the task's record does not say which handler to use, the default one is used. */
export async function endTask(
  id: string,
  bundleDir: string,
  { tasks, handlers }: PodServices,
): Promise<void> {
  const names = (await readdir(bundleDir).catch(ignoreNowhere)) ?? [];
  if (!names.includes("config.json")) return;
  const task = await tasks.attach({ id, handler: handlers.defaultName, bundleDir, cgroup: undefined });
  await task.delete();
}

async function unmountAll(directory: string): Promise<void> {
  await unmountBelow(directory);
  await unmount(directory, { detach: true, missingOk: true });
}
