import { containerd } from "../../ground/protocol/index.ts";
import type { Process as Command, ProcessState, Task, TaskState } from "../../services/runtime/index.ts";
import type { KnownTask, NamedStreams } from "../../services/tasks/index.ts";
import { noTime, toTimestamp } from "./messages.ts";

type Message = containerd.types.Process;

const { Process, Status } = containerd.types;
const { ProcessDetails } = containerd.runcOptions;

/** Describes a task's first process. */
export async function processOf({ task, streams }: Pick<KnownTask, "task" | "streams">): Promise<Message> {
  const { id, pid } = task;
  const paused = (await task.isPaused()) && { status: Status.PAUSED };
  return Process.fromPartial({ containerId: id, id, pid, ...streams, ...stateOf(task.state()), ...paused });
}

/** Describes a command that was executed in a task. */
export function commandOf(containerId: string, command: Command, streams: NamedStreams | undefined): Message {
  const { id, pid } = command;
  return Process.fromPartial({ containerId, id, pid, ...streams, ...stateOf(command.state()) });
}

/** All processes of a container. Those that are commands of a client carry their ids. */
export async function processesOf(task: Task): Promise<containerd.types.ProcessInfo[]> {
  const pids = await task.pids();
  const commands = task.processes().filter((command) => command.state().kind === "running");
  const ids = new Map(commands.map(({ pid, id }) => [pid, id]));
  return pids.map((pid) => ({ pid, info: detailsOf(ids.get(pid)) }));
}

function detailsOf(execId: string | undefined): containerd.types.Any | undefined {
  if (execId === undefined) return undefined;
  const value = Buffer.from(ProcessDetails.encode({ execId }).finish());
  return { typeUrl: "containerd.runc.v1.ProcessDetails", value };
}

function stateOf(state: TaskState | ProcessState): Pick<Message, "status"> & Partial<Message> {
  if (state.kind === "exited") {
    const { exitCode, finishedAtNs } = state.exit;
    return { status: Status.STOPPED, exitStatus: exitCode, exitedAt: toTimestamp(finishedAtNs) };
  }
  return { status: state.kind === "running" ? Status.RUNNING : Status.CREATED, exitedAt: noTime };
}
