import type { Handlers } from "../../ground/grpc/index.ts";
import type { containerd } from "../../ground/protocol/index.ts";
import type { ContainerdCall } from "./call.ts";
import type { ServiceOptions } from "./options.ts";
import { taskLifeHandlers } from "./task-life.ts";
import { TaskLookup } from "./task-lookup.ts";
import { commandOf, processesOf, processOf } from "./task-messages.ts";
import { metricsOf } from "./task-metrics.ts";
import { taskProcessHandlers } from "./task-processes.ts";

type TaskHandlers = Handlers<typeof containerd.tasksV1.TasksService, ContainerdCall>;

/**
 * The service Tasks: tasks of clients' containers, and those of pods, which only their engine creates and
 * deletes.
 */
export function taskHandlers(options: ServiceOptions): TaskHandlers {
  const { tasks, cgroups } = options;
  const lookup = new TaskLookup(options);
  return {
    ...taskLifeHandlers(options, lookup),
    ...taskProcessHandlers(options, lookup),

    async get({ containerId, execId }, call) {
      const sandbox = await lookup.sandboxes.get(containerId, call);
      if (sandbox !== undefined && execId === "") return { process: sandbox };
      const known = await lookup.find(containerId, call);
      if (execId === "") return { process: await processOf(known) };
      const process = known.task.process(execId);
      return { process: commandOf(containerId, process, tasks.execStreams(process)) };
    },

    // containerd ignores the filter, too.
    async list(_request, { namespace }) {
      const storage = await namespace();
      const shown = await Promise.all(lookup.list(storage.name).map(processOf));
      return { tasks: [...shown, ...lookup.sandboxes.list(storage)] };
    },

    async listPids({ containerId }, call) {
      if ((await lookup.sandboxes.get(containerId, call)) !== undefined) return { processes: [] };
      return { processes: await processesOf((await lookup.find(containerId, call)).task) };
    },

    async metrics({ filters }, call) {
      const { name: namespace } = await call.namespace();
      const known = lookup.list(namespace).map(({ task }) => task);
      return { metrics: await metricsOf(known, { namespace, filters }, cgroups) };
    },
  };
}
