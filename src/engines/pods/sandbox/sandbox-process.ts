import type { Task } from "../../../services/runtime/index.ts";
import type { RecordStore } from "../records/record-store.ts";
import type { ContainerRecord } from "../records/records.ts";
import type { Pauses } from "../tasks/pauses.ts";
import type { TaskTable } from "../tasks/task-table.ts";

export type PodTaskSources = {
  readonly containers: RecordStore<ContainerRecord>;
  readonly taskTable: TaskTable;
  readonly pauses: Pick<Pauses, "get">;
};

/**
 * The task whose first process represents a pod for programs that inspect its namespaces: the pause process,
 * or without one, the container that has run longest. Undefined while nothing runs in the pod.
 */
export function sandboxTask(id: string, { containers, taskTable, pauses }: PodTaskSources): Task | undefined {
  const pause = pauses.get(id);
  if (pause?.state().kind === "running") return pause;
  const running = containers.list().flatMap((container) => {
    const task = container.sandboxId === id ? taskTable.get(container.id) : undefined;
    const state = task?.state();
    return task !== undefined && state?.kind === "running" ? [{ task, startedAtNs: state.startedAtNs }] : [];
  });
  return running.reduce<(typeof running)[number] | undefined>(
    (oldest, each) => (oldest === undefined || each.startedAtNs < oldest.startedAtNs ? each : oldest),
    undefined,
  )?.task;
}

/** Its pid; 0 while nothing runs in the pod. */
export function sandboxPid(id: string, services: PodTaskSources): number {
  return sandboxTask(id, services)?.pid ?? 0;
}
