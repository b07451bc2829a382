import { constants } from "node:os";
import type { Handlers } from "../../ground/grpc/index.ts";
import type { containerd } from "../../ground/protocol/index.ts";
import { isIdentifier } from "../../services/namespaces/index.ts";
import type { ContainerdCall } from "./call.ts";
import { ContainerdError } from "./errors.ts";
import { toTimestamp } from "./messages.ts";
import type { ServiceOptions } from "./options.ts";
import { podExitStatus } from "./pod-sandbox-tasks.ts";
import type { TaskLookup } from "./task-lookup.ts";

type ProcessHandlers = Pick<
  Handlers<typeof containerd.tasksV1.TasksService, ContainerdCall>,
  "exec" | "resizePty" | "closeIo" | "kill" | "wait" | "deleteProcess"
>;

const maxSignal = 64;
/** Maximum width and height of a terminal, in characters (ioctl_tty(2)). */
const maxSize = 65_535;

/** The calls of the service Tasks on one process: a task's first one, or a command (`exec_id`). */
export function taskProcessHandlers(
  { tasks, pods }: Pick<ServiceOptions, "tasks" | "pods">,
  lookup: TaskLookup,
): ProcessHandlers {
  return {
    async exec({ containerId, execId, spec, stdin, stdout, stderr, terminal }, call) {
      const { task } = await lookup.find(containerId, call);
      checkExecId(execId);
      if (spec === undefined) throw new ContainerdError("InvalidArgument", "spec: must be set");
      if (await task.isPaused())
        throw new ContainerdError(
          "FailedPrecondition",
          `cannot exec in container ${containerId}: it is paused; resume it first`,
        );
      const streams = { stdin, stdout, stderr, terminal };
      const { name: namespace } = await call.namespace();
      await tasks.exec(task, { id: execId, namespace, spec: spec.value, streams }, call.signal);
      return {};
    },

    async resizePty({ containerId, execId, width, height }, call) {
      const { task } = await lookup.find(containerId, call);
      if (width > maxSize || height > maxSize)
        throw new ContainerdError("InvalidArgument", `width, height: at most ${maxSize}`);
      await (execId === "" ? task : task.process(execId)).resize({ width, height });
      return {};
    },

    async closeIo({ containerId, execId, stdin }, call) {
      const { task, streams } = await lookup.find(containerId, call);
      if (!stdin) return {};
      if (execId !== "") task.process(execId).closeStdin();
      // The input of a terminal cannot be closed separately.
      else if (streams.stdin !== "" && !streams.terminal) await task.closeStdin();
      return {};
    },

    async kill({ containerId, execId, signal, all: toAll }, call) {
      checkSignal(signal);
      if (execId === "" && (await lookup.sandboxes.get(containerId, call)) !== undefined) {
        if (endPause.has(signal)) await pods.stop(containerId, call.signal);
        return {};
      }
      const { task } = await lookup.find(containerId, call);
      const process = execId === "" ? task : task.process(execId);
      // As in containerd, `all` does not fail for an ended process: its caller wants to be sure that none is
      // left.
      const hasPid = execId !== "" || (await task.livePid()) !== undefined;
      if (!toAll && (!hasPid || process.state().kind === "exited")) throw hasEnded(containerId, execId);
      if (!toAll) await process.kill(signal);
      else if (signal === constants.signals.SIGKILL) await process.killAll();
      else if (execId === "") await task.signalAll(signal);
      else
        throw new ContainerdError(
          "Unimplemented",
          "all: for a command, only SIGKILL can go to all processes",
        );
      return {};
    },

    async wait({ containerId, execId }, call) {
      if (execId === "" && (await lookup.sandboxes.get(containerId, call)) !== undefined)
        return {
          exitStatus: podExitStatus,
          exitedAt: toTimestamp(await pods.ended(containerId, call.signal)),
        };
      const { task } = await lookup.find(containerId, call);
      const waited = execId === "" ? task : task.process(execId);
      const { exitCode, finishedAtNs } = await waited.wait(call.signal);
      return { exitStatus: exitCode, exitedAt: toTimestamp(finishedAtNs) };
    },

    async deleteProcess({ containerId, execId }, call) {
      const { task } = await lookup.find(containerId, call);
      const process = task.process(execId);
      await process.delete();
      const { exitCode, finishedAtNs } = await process.wait();
      return { id: execId, pid: process.pid, exitStatus: exitCode, exitedAt: toTimestamp(finishedAtNs) };
    },
  };
}

/** The signals that end a pause process, and with it, in containerd, the pod; it ignores all others. */
const endPause: ReadonlySet<number> = new Set([
  constants.signals.SIGINT,
  constants.signals.SIGTERM,
  constants.signals.SIGKILL,
]);

/** Ids of commands follow the same rules as those of containers. Throws InvalidArgument. */
function checkExecId(execId: string): void {
  if (isIdentifier(execId)) return;
  throw new ContainerdError(
    "InvalidArgument",
    `exec_id: ${JSON.stringify(execId.slice(0, 152))} is not valid: use at most 76 letters and digits, with single - . _ between them`,
  );
}

/** Throws InvalidArgument for a number that is not a signal (signal(7)). */
function checkSignal(signal: number): void {
  if (signal < 1 || signal > maxSignal)
    throw new ContainerdError("InvalidArgument", `signal: ${signal} is not a signal; use 1 to ${maxSignal}`);
}

function hasEnded(containerId: string, execId: string): ContainerdError {
  const what = execId === "" ? "the task" : `the process ${execId}`;
  return new ContainerdError("NotFound", `${what} of container ${containerId}: process already finished`);
}
