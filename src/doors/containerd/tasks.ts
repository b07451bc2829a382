import { constants } from "node:os";
import type { Handlers } from "../../ground/grpc/index.ts";
import { containerd } from "../../ground/protocol/index.ts";
import type { ProcessState, Task, TaskState } from "../../services/runtime/index.ts";
import type { ContainerdCall } from "./call.ts";
import { ContainerdError } from "./errors.ts";
import { toTimestamp } from "./messages.ts";
import type { ServiceOptions } from "./options.ts";

type TaskHandlers = Handlers<typeof containerd.tasksV1.TasksService, ContainerdCall>;
type Message = containerd.types.Process;

const { Process, Status } = containerd.types;
const maxSignal = 64;

/** Tasks that somebody else makes: those of pods. What would make one is not served yet. */
export function taskHandlers({ tasks }: ServiceOptions): Partial<TaskHandlers> {
  const find = async (id: string, call: ContainerdCall): Promise<Task> => {
    const { name } = await call.namespace();
    const task = tasks(name)?.get(id);
    if (task === undefined)
      throw new ContainerdError(
        "NotFound",
        `container ${JSON.stringify(id)} in namespace ${name} has no task`,
      );
    return task;
  };
  return {
    async get({ containerId, execId }, call) {
      const task = await find(containerId, call);
      return { process: processOf(task, execId) };
    },

    // The filter means nothing in containerd either.
    async list(_request, { namespace }) {
      const { name } = await namespace();
      return { tasks: (tasks(name)?.list() ?? []).map((task) => processOf(task, "")) };
    },

    async listPids({ containerId }, call) {
      const pids = await (await find(containerId, call)).pids();
      return { processes: pids.map((pid) => ({ pid, info: undefined })) };
    },

    async kill({ containerId, execId, signal, all }, call) {
      checkSignal(signal, all);
      const task = await find(containerId, call);
      const process = execId === "" ? task : task.process(execId);
      await (all ? process.killAll() : process.kill(signal));
      return {};
    },

    async wait({ containerId, execId }, call) {
      const task = await find(containerId, call);
      const waited = execId === "" ? task : task.process(execId);
      const { exitCode, finishedAtNs } = await waited.wait(call.signal);
      return { exitStatus: exitCode, exitedAt: toTimestamp(finishedAtNs) };
    },
  };
}

/** Throws InvalidArgument (signal(7)), Unimplemented. */
function checkSignal(signal: number, all: boolean): void {
  if (signal < 1 || signal > maxSignal)
    throw new ContainerdError("InvalidArgument", `signal: ${signal} is none; give one of 1 to ${maxSignal}`);
  if (all && signal !== constants.signals.SIGKILL)
    throw new ContainerdError(
      "Unimplemented",
      `signal: ${signal} cannot go to all processes, only SIGKILL can`,
    );
}

/** The first process, or that of a command. Throws RuntimeError NotFound. */
function processOf(task: Task, execId: string): Message {
  const state = execId === "" ? task.state() : task.process(execId).state();
  return Process.fromPartial({ containerId: task.id, id: execId || task.id, ...stateOf(state) });
}

function stateOf(state: TaskState | ProcessState): Pick<Message, "status"> & Partial<Message> {
  if (state.kind === "exited") {
    const { exitCode, finishedAtNs } = state.exit;
    return { status: Status.STOPPED, exitStatus: exitCode, exitedAt: toTimestamp(finishedAtNs) };
  }
  const status = state.kind === "running" ? Status.RUNNING : Status.CREATED;
  return { status, ...("pid" in state && { pid: state.pid }) };
}
