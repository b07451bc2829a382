import type { Engine } from "../engine/index.ts";
import { Container } from "../protocol/index.ts";
import { checked, type RuntimeHandlers } from "./handlers.ts";
import { toContainer, toContainerStatus } from "./translate/container.ts";
import { filterContainers } from "./translate/filters.ts";
import { inspectionJson } from "./translate/info.ts";
import { inParts } from "./translate/parts.ts";
import { timerMs } from "./translate/time.ts";
import * as validate from "./validate/index.ts";

/** CreateContainer, StartContainer, UpdateContainerResources, StopContainer, RemoveContainer, ContainerStatus, ListContainers, StreamContainers, ReopenContainerLog. */
export function containerHandlers({ containers, images }: Engine): RuntimeHandlers {
  return {
    createContainer: checked(
      validate.createContainer,
      async ({ podSandboxId, config, sandboxConfig }, { signal }) => ({
        containerId: await containers.create(podSandboxId, config, sandboxConfig, signal),
      }),
    ),

    startContainer: checked(validate.containerId, async ({ containerId }, { signal }) => {
      await containers.start(containerId, signal);
      return {};
    }),

    updateContainerResources: checked(validate.updateContainerResources, async ({ containerId, linux }) => {
      await containers.update(containerId, linux);
      return {};
    }),

    stopContainer: checked(validate.stopContainer, async ({ containerId, timeout }, { signal }) => {
      await containers.stop(containerId, timerMs(timeout), signal);
      return {};
    }),

    removeContainer: checked(validate.containerId, async ({ containerId }, { signal }) => {
      await containers.remove(containerId, signal);
      return {};
    }),

    containerStatus: async (request) => {
      const { containerId } = validate.containerId(request);
      const container = containers.get(containerId);
      return {
        status: toContainerStatus(container, images.find(container.imageId)),
        info: request.verbose ? { info: inspectionJson(await containers.inspect(container.id)) } : {},
      };
    },

    listContainers: checked(validate.listContainers, ({ filter }) => ({
      containers: filterContainers(containers.list(), filter).map(toContainer),
    })),

    async *streamContainers(request) {
      const { filter } = validate.listContainers(request);
      const items = filterContainers(containers.list(), filter).map(toContainer);
      for (const part of inParts(items, (item) => Container.encode(item).finish().length))
        yield { containers: part };
    },

    reopenContainerLog: checked(validate.containerId, async ({ containerId }) => {
      await containers.reopenLog(containerId);
      return {};
    }),
  };
}
