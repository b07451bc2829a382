import { nowNs } from "../../../ground/clock/index.ts";
import type { Task, TaskExit, TaskState } from "../../../services/runtime/index.ts";
import type { Container, ContainerState } from "../../engine/index.ts";
import type { ContainerRecord } from "../records/records.ts";
import { resourcesOf } from "./container-resources.ts";

type ExitedState = Extract<ContainerState, { kind: "exited" }>;

/** A container as the engine shows it: from its record, and if that says "started", from its task. */
export function containerView(record: ContainerRecord, task: Task | undefined): Container {
  const { phase, ...rest } = record;
  return {
    ...rest,
    state: stateOf(record, task),
    resources: resourcesOf(record),
    imageVolumes: record.imageVolumes ?? [],
  };
}

/**
 * Views for lists, which are requested every second: the same object as long as record and task are
 * unchanged, so that callers can cache what they derive from it.
 */
export class ContainerViews {
  readonly #known = new WeakMap<ContainerRecord, { readonly said: unknown; readonly view: Container }>();

  of(record: ContainerRecord, task: Task | undefined): Container {
    const said = record.phase.kind === "started" && task !== undefined ? identityOf(task.state()) : undefined;
    const known = this.#known.get(record);
    if (known !== undefined && known.said === said) return known.view;
    const view = containerView(record, task);
    this.#known.set(record, { said, view });
    return view;
  }
}

/** An exit is wrapped in a new object each time. */
function identityOf(state: TaskState): unknown {
  return state.kind === "exited" ? state.exit : state;
}

function stateOf({ phase }: ContainerRecord, task: Task | undefined): ContainerState {
  switch (phase.kind) {
    case "creating":
      return { kind: "unknown" };
    case "created":
    case "exited":
      return phase;
    case "started":
      return task === undefined ? { kind: "unknown" } : taskState(task, phase.atNs);
  }
}

function taskState(task: Task, startAskedAtNs: bigint): ContainerState {
  const state = task.state();
  return state.kind === "exited" ? exitedState(state.exit, startAskedAtNs) : state;
}

/**
 * CRI's reason and exit code, as kubelets and users know them from containerd and CRI-O. If a task was lost
 * in a restart of the machine, only the record has its start time.
 */
export function exitedState(exit: TaskExit, startAskedAtNs: bigint): ExitedState {
  const { finishedAtNs, exitCode, message, cause } = exit;
  const startedAtNs = cause === "lost" && exit.startedAtNs === 0n ? startAskedAtNs : exit.startedAtNs;
  return { kind: "exited", startedAtNs, finishedAtNs, exitCode, message, reason: reasonOf(exit) };
}

/** The state of a container whose process never ran, and why. */
export function neverStarted(message: string): ExitedState {
  const [startedAtNs, finishedAtNs] = [0n, nowNs()];
  return { kind: "exited", startedAtNs, finishedAtNs, exitCode: 128, reason: "StartError", message };
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
