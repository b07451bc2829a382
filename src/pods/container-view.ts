import type { Container, ContainerState } from "../engine/index.ts";
import type { Task, TaskExit } from "../runtime/index.ts";
import type { ContainerRecord } from "./records.ts";

/** A container as the engine shows it: what its record says, and where that says "started", what its task says. */
export function containerView(record: ContainerRecord, task: Task | undefined): Container {
  const { phase, ...rest } = record;
  return { ...rest, state: stateOf(record, task), resources: record.config.linux?.resources };
}

function stateOf({ phase }: ContainerRecord, task: Task | undefined): ContainerState {
  switch (phase.kind) {
    case "creating":
      return { kind: "unknown" };
    case "created":
    case "exited":
      return phase;
    case "started":
      return task === undefined ? { kind: "unknown" } : taskState(task);
  }
}

function taskState(task: Task): ContainerState {
  const state = task.state();
  if (state.kind === "exited") return exitedState(state.exit);
  return state;
}

/** CRI's words for an end: reason and exit code, as kubelets and people know them from the peers. */
export function exitedState(exit: TaskExit): Extract<ContainerState, { kind: "exited" }> {
  const { startedAtNs, finishedAtNs, exitCode, message } = exit;
  return { kind: "exited", startedAtNs, finishedAtNs, exitCode, message, reason: reasonOf(exit) };
}

function reasonOf({ cause, exitCode }: TaskExit) {
  switch (cause) {
    case "oomKilled":
      return "OOMKilled";
    case "startError":
      return "StartError";
    case "lost":
      return "Unknown";
    case "exited":
      return exitCode === 0 ? "Completed" : "Error";
  }
}
