import { parseSpecJson } from "../../ground/json/index.ts";
import { type Container, ContainersError } from "../containers/index.ts";
import type { OciSpec } from "../runtime/index.ts";
import { describeMount, SnapshotError, snapshotterKinds } from "../snapshots/index.ts";
import type { NamespaceStorage } from "../storage/index.ts";
import type { KnownTask, NamespaceTasks } from "../tasks/index.ts";
import { countLabel, type Wish } from "./wish.ts";

/** A container whose task is to be restarted or stopped. */
export type Restarted = {
  readonly container: Container;
  readonly storage: NamespaceStorage;
  readonly tasks: NamespaceTasks;
  /** Its task, if it has one. */
  readonly known: KnownTask | undefined;
};

/** Kills its task, if there is one, and deletes it. */
export async function stop({ container, tasks, known }: Restarted, signal: AbortSignal): Promise<void> {
  if (known === undefined) return;
  await known.task.killAll();
  await known.task.wait(signal);
  await tasks.delete(container.id);
}

/**
 * Runs a container in a new task, as its clients would: on its snapshot, with the runc options of its record.
 * Counts as a restart whether it succeeds or not. Throws what creating a task throws.
 */
export async function startAnew(restarted: Restarted, wish: Wish, signal: AbortSignal): Promise<void> {
  const { container, storage, tasks } = restarted;
  const { id } = container;
  const count = String(wish.count + 1);
  await storage.containers.update(id, ({ labels }) => ({ labels: { ...labels, [countLabel]: count } }));
  await stop(restarted, signal);
  const terminal = wantsTerminal(container);
  const { logUri } = wish;
  const created = await tasks.create(
    container,
    {
      options: undefined,
      runtimePath: "",
      rootfs: await rootfsOf(restarted),
      streams: { stdin: "", stdout: logUri, stderr: terminal ? "" : logUri, terminal },
      checkpoint: undefined,
    },
    signal,
  );
  try {
    // A client may have removed it in the meantime: then nobody would clean up its task.
    storage.containers.get(id);
    await created.task.start(signal);
  } catch (error) {
    await stop({ ...restarted, known: created }, signal);
    if (error instanceof ContainersError && error.code === "NotFound") return;
    throw error;
  }
}

async function rootfsOf({ container, storage }: Restarted) {
  const { snapshotter: name, snapshotKey } = container;
  if (snapshotKey === "") return [];
  const kind = snapshotterKinds.find((each) => each === name);
  if (kind === undefined)
    throw new SnapshotError(
      "InvalidArgument",
      `container ${container.id}: no snapshotter ${JSON.stringify(name)}`,
    );
  return (await storage.snapshotter(kind)).mounts(snapshotKey).map(describeMount);
}

function wantsTerminal({ spec }: Container): boolean {
  const { process } = parseSpecJson<Partial<OciSpec> | null>(Buffer.from(spec?.value ?? []).toString()) ?? {};
  return process?.terminal ?? false;
}
