import type { Handlers } from "../../ground/grpc/index.ts";
import type { containerd } from "../../ground/protocol/index.ts";
import type { ContainerdCall } from "./call.ts";
import { ContainerdError } from "./errors.ts";
import { toTimestamp, toValue } from "./messages.ts";
import type { ServiceOptions } from "./options.ts";
import { podLimitsOf } from "./pod-limits.ts";
import { checkpointRequest, storeCheckpoint, unpackCheckpoint } from "./task-checkpoints.ts";
import { limitsOf } from "./task-limits.ts";
import { noTask, type TaskLookup } from "./task-lookup.ts";

type LifeHandlers = Pick<
  Handlers<typeof containerd.tasksV1.TasksService, ContainerdCall>,
  "create" | "start" | "pause" | "resume" | "update" | "checkpoint" | "delete"
>;

/** The calls of the service Tasks that change a task as a whole, from its creation to its deletion. */
export function taskLifeHandlers(
  {
    tasks,
    pods,
    podSpec,
    differ,
    layerDiffs,
  }: Pick<ServiceOptions, "tasks" | "pods" | "podSpec" | "differ" | "layerDiffs">,
  lookup: TaskLookup,
): LifeHandlers {
  return {
    async create(request, { namespace, signal }) {
      const storage = await namespace();
      const { name, containers } = storage;
      const { containerId, rootfs, options, stdin, stdout, stderr, terminal, checkpoint, runtimePath } =
        request;
      checkCreation(request);
      lookup.refusePods(containerId, storage, "created");
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
      const { task } = await lookup.find(containerId, call);
      if (execId === "") lookup.refusePods(containerId, await call.namespace(), "started");
      const started = execId === "" ? task : task.process(execId);
      await started.start(call.signal);
      return { pid: started.pid };
    },

    async pause({ containerId }, call) {
      const { task } = await lookup.find(containerId, call);
      if (await task.isPaused()) throw notNow("pause", containerId, "it is already paused");
      await task.pause();
      return {};
    },

    async resume({ containerId }, call) {
      const { task } = await lookup.find(containerId, call);
      if (!(await task.isPaused())) throw notNow("resume", containerId, "it is not paused");
      await task.resume();
      return {};
    },

    async update({ containerId, resources }, call) {
      const { task } = await lookup.find(containerId, call);
      const limits = limitsOf(containerId, resources);
      if (lookup.isPods(containerId, await call.namespace()))
        await pods.update(containerId, podLimitsOf(containerId, limits, await podSpec(containerId)));
      else await task.update({ limits, oomScoreAdj: undefined }, call.signal);
      return {};
    },

    async checkpoint(request, call) {
      const { containerId } = request;
      const storage = await call.namespace();
      lookup.refusePods(containerId, storage, "checkpointed");
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

    async delete({ containerId }, call) {
      const namespace = await call.namespace();
      lookup.refusePods(containerId, namespace, "deleted");
      const { name } = namespace;
      const { task } = await lookup.find(containerId, call);
      const { pid } = task;
      const { exitCode, finishedAtNs } = await tasks.inNamespace(name).delete(containerId);
      return { id: containerId, pid, exitStatus: exitCode, exitedAt: toTimestamp(finishedAtNs) };
    },
  };
}

/** Throws Unimplemented for fields that are not supported. */
function checkCreation({ taskApiAddress, rootfs }: containerd.tasksV1.CreateTaskRequest): void {
  const asked = {
    task_api_address: taskApiAddress !== "",
    "rootfs.target": rootfs.some(({ target }) => target !== ""),
  };
  for (const [field, isAsked] of Object.entries(asked))
    if (isAsked) throw new ContainerdError("Unimplemented", `${field}: is not supported; leave it out`);
}

function notNow(what: "pause" | "resume", id: string, why: string): ContainerdError {
  return new ContainerdError("FailedPrecondition", `cannot ${what} container ${id}: ${why}`);
}
