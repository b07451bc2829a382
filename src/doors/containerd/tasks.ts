import { constants } from "node:os";
import type { Handlers } from "../../ground/grpc/index.ts";
import type { containerd } from "../../ground/protocol/index.ts";
import { isIdentifier } from "../../services/namespaces/index.ts";
import type { KnownTask } from "../../services/tasks/index.ts";
import type { ContainerdCall } from "./call.ts";
import { ContainerdError } from "./errors.ts";
import { isPods } from "./extensions.ts";
import { toTimestamp, toValue } from "./messages.ts";
import type { ServiceOptions } from "./options.ts";
import { PodSandboxTasks, podExitStatus } from "./pod-sandbox-tasks.ts";
import { checkpointRequest, storeCheckpoint, unpackCheckpoint } from "./task-checkpoints.ts";
import { limitsOf } from "./task-limits.ts";
import { commandOf, processesOf, processOf } from "./task-messages.ts";
import { metricsOf } from "./task-metrics.ts";

type TaskHandlers = Handlers<typeof containerd.tasksV1.TasksService, ContainerdCall>;

const maxSignal = 64;
/** Maximum width and height of a terminal, in characters (ioctl_tty(2)). */
const maxSize = 65_535;
const noStreams = { stdin: "", stdout: "", stderr: "", terminal: false };

type ShownTask = Pick<KnownTask, "task" | "streams">;

type Namespace = Pick<Awaited<ReturnType<ContainerdCall["namespace"]>>, "name" | "containers">;

/**
 * The service Tasks: tasks of clients' containers, and those of pods, which only their engine creates and
 * deletes.
 */
export function taskHandlers(options: ServiceOptions): TaskHandlers {
  const { tasks, podTasks, pods, cgroups, differ, layerDiffs } = options;
  const sandboxTasks = new PodSandboxTasks(options);
  const all = (namespace: string): readonly ShownTask[] => [
    ...(podTasks(namespace)?.list() ?? []).map((task) => ({ task, streams: noStreams })),
    ...tasks.inNamespace(namespace).list(),
  ];
  const find = async (id: string, call: ContainerdCall): Promise<ShownTask> => {
    const { name } = await call.namespace();
    const pods = podTasks(name)?.get(id);
    const known = pods === undefined ? tasks.inNamespace(name).get(id) : { task: pods, streams: noStreams };
    if (known !== undefined) return known;
    if ((await sandboxTasks.get(id, call)) !== undefined) throw noProcess(id);
    throw noTask(id, name);
  };
  /** Throws FailedPrecondition for a pod's container: its engine would not notice the change. */
  const checkNoPods = (id: string, { name, containers }: Namespace, what: string): void => {
    const container = containers.find(id);
    // The record is checked too: the task of a pod's container that has ended may already be gone.
    if (podTasks(name)?.get(id) !== undefined || (container !== undefined && isPods(container)))
      throw new ContainerdError(
        "FailedPrecondition",
        `container ${id} is a pod's: its task is not ${what} by others; use the pod's client, such as crictl or berth`,
      );
  };
  return {
    async create(request, { namespace, signal }) {
      const storage = await namespace();
      const { name, containers } = storage;
      const { containerId, rootfs, options, stdin, stdout, stderr, terminal, checkpoint, runtimePath } =
        request;
      checkCreation(request);
      checkNoPods(containerId, storage, "created");
      const streams = { stdin, stdout, stderr, terminal };
      await using unpacked = checkpoint?.digest ? await tasks.checkpoints.temporary() : undefined;
      if (checkpoint !== undefined && unpacked !== undefined)
        await unpackCheckpoint(checkpoint, unpacked.path, { storage, differ, signal });
      const task = {
        rootfs,
        options: options && toValue(options),
        runtimePath,
        streams,
        checkpoint: unpacked?.path,
      };
      const created = await tasks.inNamespace(name).create(containers.get(containerId), task, signal);
      return { containerId, pid: created.task.pid };
    },

    async start({ containerId, execId }, call) {
      const { task } = await find(containerId, call);
      if (execId === "") checkNoPods(containerId, await call.namespace(), "started");
      const started = execId === "" ? task : task.process(execId);
      await started.start(call.signal);
      return { pid: started.pid };
    },

    async exec({ containerId, execId, spec, stdin, stdout, stderr, terminal }, call) {
      const { task } = await find(containerId, call);
      checkExecId(execId);
      if (spec === undefined) throw new ContainerdError("InvalidArgument", "spec: must be set");
      const streams = { stdin, stdout, stderr, terminal };
      const { name: namespace } = await call.namespace();
      await tasks.exec(task, { id: execId, namespace, spec: spec.value, streams }, call.signal);
      return {};
    },

    async deleteProcess({ containerId, execId }, call) {
      const { task } = await find(containerId, call);
      const process = task.process(execId);
      await process.delete();
      const { exitCode, finishedAtNs } = await process.wait();
      return { id: execId, pid: process.pid, exitStatus: exitCode, exitedAt: toTimestamp(finishedAtNs) };
    },

    async resizePty({ containerId, execId, width, height }, call) {
      const { task } = await find(containerId, call);
      if (width > maxSize || height > maxSize)
        throw new ContainerdError("InvalidArgument", `width, height: at most ${maxSize}`);
      await (execId === "" ? task : task.process(execId)).resize({ width, height });
      return {};
    },

    async pause({ containerId }, call) {
      const { task } = await find(containerId, call);
      if (await task.isPaused()) throw notNow("pause", containerId, "it is already paused");
      await task.pause();
      return {};
    },

    async resume({ containerId }, call) {
      const { task } = await find(containerId, call);
      if (!(await task.isPaused())) throw notNow("resume", containerId, "it is not paused");
      await task.resume();
      return {};
    },

    async delete({ containerId }, call) {
      const namespace = await call.namespace();
      checkNoPods(containerId, namespace, "deleted");
      const { name } = namespace;
      const { task } = await find(containerId, call);
      const { pid } = task;
      const { exitCode, finishedAtNs } = await tasks.inNamespace(name).delete(containerId);
      return { id: containerId, pid, exitStatus: exitCode, exitedAt: toTimestamp(finishedAtNs) };
    },

    async get({ containerId, execId }, call) {
      const sandbox = await sandboxTasks.get(containerId, call);
      if (sandbox !== undefined && execId === "") return { process: sandbox };
      const known = await find(containerId, call);
      if (execId === "") return { process: await processOf(known) };
      const process = known.task.process(execId);
      return { process: commandOf(containerId, process, tasks.execStreams(process)) };
    },

    // containerd ignores the filter, too.
    async list(_request, { namespace }) {
      const storage = await namespace();
      const shown = await Promise.all(all(storage.name).map(processOf));
      return { tasks: [...shown, ...sandboxTasks.list(storage)] };
    },

    async listPids({ containerId }, call) {
      if ((await sandboxTasks.get(containerId, call)) !== undefined) return { processes: [] };
      return { processes: await processesOf((await find(containerId, call)).task) };
    },

    async kill({ containerId, execId, signal, all: toAll }, call) {
      checkSignal(signal);
      if (execId === "" && (await sandboxTasks.get(containerId, call)) !== undefined) {
        if (endPause.has(signal)) await pods.stop(containerId, call.signal);
        return {};
      }
      const { task } = await find(containerId, call);
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

    async update({ containerId, resources }, call) {
      const { task } = await find(containerId, call);
      checkNoPods(containerId, await call.namespace(), "updated");
      await task.update({ limits: limitsOf(containerId, resources), oomScoreAdj: undefined }, call.signal);
      return {};
    },

    async checkpoint(request, call) {
      const { containerId } = request;
      const storage = await call.namespace();
      checkNoPods(containerId, storage, "checkpointed");
      const known = tasks.inNamespace(storage.name).get(containerId);
      if (known === undefined) throw noTask(containerId, storage.name);
      const asked = checkpointRequest(request);
      const { leaseId, signal } = call;
      const store = async (imageDir: string) =>
        // A client that named a directory reads the files there.
        asked.imagePath === ""
          ? storeCheckpoint(imageDir, storage.containers.get(containerId), {
              storage,
              layerDiffs,
              leaseId,
              signal,
            })
          : [];
      const subject = { ...known, namespace: storage.name };
      return { descriptors: await tasks.checkpoints.write(subject, asked, store, signal) };
    },

    async metrics({ filters }, call) {
      const { name: namespace } = await call.namespace();
      const known = all(namespace).map(({ task }) => task);
      return { metrics: await metricsOf(known, { namespace, filters }, cgroups) };
    },

    async closeIo({ containerId, execId, stdin }, call) {
      const { task, streams } = await find(containerId, call);
      if (!stdin) return {};
      if (execId !== "") task.process(execId).closeStdin();
      // The input of a terminal cannot be closed separately.
      else if (streams.stdin !== "" && !streams.terminal) await task.closeStdin();
      return {};
    },

    async wait({ containerId, execId }, call) {
      if (execId === "" && (await sandboxTasks.get(containerId, call)) !== undefined)
        return {
          exitStatus: podExitStatus,
          exitedAt: toTimestamp(await pods.ended(containerId, call.signal)),
        };
      const { task } = await find(containerId, call);
      const waited = execId === "" ? task : task.process(execId);
      const { exitCode, finishedAtNs } = await waited.wait(call.signal);
      return { exitStatus: exitCode, exitedAt: toTimestamp(finishedAtNs) };
    },
  };
}

/** The signals that end a pause process, and with it, in containerd, the pod; it ignores all others. */
const endPause: ReadonlySet<number> = new Set([
  constants.signals.SIGINT,
  constants.signals.SIGTERM,
  constants.signals.SIGKILL,
]);

/** Throws Unimplemented for fields that are not supported. */
function checkCreation({ taskApiAddress, rootfs }: containerd.tasksV1.CreateTaskRequest): void {
  const asked = {
    task_api_address: taskApiAddress !== "",
    "rootfs.target": rootfs.some(({ target }) => target !== ""),
  };
  for (const [field, isAsked] of Object.entries(asked))
    if (isAsked) throw new ContainerdError("Unimplemented", `${field}: is not supported; leave it out`);
}

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

function noProcess(id: string): ContainerdError {
  return new ContainerdError(
    "FailedPrecondition",
    `container ${id} is a pod: it has no process of its own, and is not its client's to run; use the pod's client, such as crictl or berth`,
  );
}

function hasEnded(containerId: string, execId: string): ContainerdError {
  const what = execId === "" ? "the task" : `the process ${execId}`;
  return new ContainerdError("NotFound", `${what} of container ${containerId}: process already finished`);
}

function notNow(what: "pause" | "resume", id: string, why: string): ContainerdError {
  return new ContainerdError("FailedPrecondition", `cannot ${what} container ${id}: ${why}`);
}

function noTask(id: string, namespace: string): ContainerdError {
  return new ContainerdError(
    "NotFound",
    `container ${JSON.stringify(id)} in namespace ${namespace} has no task`,
  );
}
