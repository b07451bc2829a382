import { containerd } from "../../ground/protocol/index.ts";
import type { ProcessState, TaskState } from "../../services/runtime/index.ts";
import type { KnownTask } from "../../services/tasks/index.ts";
import { toTimestamp } from "./messages.ts";

type Message = containerd.types.Process;

const { Process, Status } = containerd.types;

/** The first process, or that of a command. Throws RuntimeError NotFound. */
export function processOf({ task, streams }: KnownTask, execId: string): Message {
  const { id: containerId, pid } = task;
  if (execId === "")
    return Process.fromPartial({ containerId, id: containerId, pid, ...streams, ...stateOf(task.state()) });
  const state = task.process(execId).state();
  const running = state.kind === "running" && { pid: state.pid };
  return Process.fromPartial({ containerId, id: execId, ...running, ...stateOf(state) });
}

function stateOf(state: TaskState | ProcessState): Pick<Message, "status"> & Partial<Message> {
  if (state.kind === "exited") {
    const { exitCode, finishedAtNs } = state.exit;
    return { status: Status.STOPPED, exitStatus: exitCode, exitedAt: toTimestamp(finishedAtNs) };
  }
  return { status: state.kind === "running" ? Status.RUNNING : Status.CREATED };
}
