import type { Engine, Sandbox } from "../engine/index.ts";
import { PodSandbox } from "../protocol/index.ts";
import { checked, type RuntimeHandlers } from "./handlers.ts";
import { toContainerStatus } from "./translate/container.ts";
import { filterSandboxes } from "./translate/filters.ts";
import { inspectionJson } from "./translate/info.ts";
import { inParts } from "./translate/parts.ts";
import { toPodSandbox, toPodSandboxStatus } from "./translate/sandbox.ts";
import { nowNs } from "./translate/time.ts";
import * as validate from "./validate/index.ts";

export type SandboxAnswers = {
  /**
   * PodSandboxStatus tells the pod's containers and the time as well. A kubelet that follows events and gets a time takes the
   * statuses from the answer, and then (1.37) lists no active containers: it starts init containers again and again.
   */
  readonly podStatusWithContainers: boolean;
};

/** RunPodSandbox, StopPodSandbox, RemovePodSandbox, UpdatePodSandboxResources, PodSandboxStatus, ListPodSandbox, StreamPodSandboxes. */
export function sandboxHandlers(
  engine: Engine,
  { podStatusWithContainers }: SandboxAnswers = { podStatusWithContainers: false },
): RuntimeHandlers {
  const { sandboxes } = engine;
  return {
    runPodSandbox: checked(validate.runPodSandbox, async ({ config, runtimeHandler }, { signal }) => ({
      podSandboxId: await sandboxes.run(config, runtimeHandler, signal),
    })),

    stopPodSandbox: checked(validate.podSandboxId, async ({ podSandboxId }, { signal }) => {
      await sandboxes.stop(podSandboxId, signal);
      return {};
    }),

    removePodSandbox: checked(validate.podSandboxId, async ({ podSandboxId }, { signal }) => {
      await sandboxes.remove(podSandboxId, signal);
      return {};
    }),

    updatePodSandboxResources: checked(
      validate.updatePodSandboxResources,
      async ({ podSandboxId, overhead, resources }) => {
        await sandboxes.update(podSandboxId, {
          ...(overhead !== undefined && { overhead }),
          ...(resources !== undefined && { resources }),
        });
        return {};
      },
    ),

    podSandboxStatus: async (request) => {
      const { podSandboxId } = validate.podSandboxId(request);
      const sandbox = sandboxes.get(podSandboxId);
      return {
        status: toPodSandboxStatus(sandbox),
        info: request.verbose ? { info: inspectionJson(await sandboxes.inspect(sandbox.id)) } : {},
        ...(podStatusWithContainers
          ? { containersStatuses: containerStatuses(engine, sandbox), timestamp: nowNs() }
          : { containersStatuses: [], timestamp: 0n }),
      };
    },

    listPodSandbox: checked(validate.listPodSandbox, ({ filter }) => ({
      items: filterSandboxes(sandboxes.list(), filter).map(toPodSandbox),
    })),

    async *streamPodSandboxes(request) {
      const { filter } = validate.listPodSandbox(request);
      const items = filterSandboxes(sandboxes.list(), filter).map(toPodSandbox);
      for (const podSandboxes of inParts(items, (item) => PodSandbox.encode(item).finish().length))
        yield { podSandboxes };
    },
  };
}

function containerStatuses({ containers, images }: Engine, sandbox: Sandbox) {
  return containers
    .list()
    .filter((container) => container.sandboxId === sandbox.id)
    .map((container) => toContainerStatus(container, images.find(container.imageId)));
}
