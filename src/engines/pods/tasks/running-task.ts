import type { Task } from "../../../services/runtime/index.ts";
import { EngineError } from "../../engine/index.ts";
import { containerView } from "../container/container-view.ts";
import type { PodServices } from "../services.ts";

/** The task of a running container. Throws EngineError: NotFound, FailedPrecondition. */
export function runningTask(
  { containers, taskTable }: Pick<PodServices, "containers" | "taskTable">,
  idOrPrefix: string,
): Task {
  const record = containers.get(idOrPrefix);
  const task = taskTable.get(record.id);
  const { kind } = containerView(record, task).state;
  if (task !== undefined && kind === "running") return task;
  throw new EngineError("FailedPrecondition", `container ${record.id} is not running (${kind})`);
}
