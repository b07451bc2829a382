import type { Engine, Container as EngineContainer } from "../../engines/engine/index.ts";
import { Container, type ContainerFilter, LinuxContainerResources } from "../../ground/protocol/index.ts";
import { perItems, perObject } from "../../ground/sync/index.ts";
import { type CriCall, checked, type RuntimeHandlers } from "./handlers.ts";
import { owned, ownerOf, shownContainers } from "./owners.ts";
import { toContainer, toContainerStatus } from "./translate/container.ts";
import { asksForAll, filterContainers } from "./translate/filters.ts";
import { inspectionJson } from "./translate/info.ts";
import { inParts } from "./translate/parts.ts";
import { timerMs } from "./translate/time.ts";
import * as validate from "./validate/index.ts";

/**
 * CreateContainer, StartContainer, UpdateContainerResources, StopContainer, RemoveContainer, ContainerStatus,
 * ListContainers, StreamContainers, ReopenContainerLog.
 */
export function containerHandlers({ containers, images, sandboxes }: Engine): RuntimeHandlers {
  const item = perObject(toContainer);
  const shown = (filter: ContainerFilter | undefined, call: CriCall) =>
    filterContainers(
      shownContainers(containers.list(), call, filter, () => sandboxes.list()),
      filter,
    );
  const ofKubelets = perItems((list: readonly EngineContainer[]) =>
    shownContainers(list, { owner: "" }).map(item),
  );
  return {
    createContainer: checked(
      validate.createContainer,
      async ({ podSandboxId, config, sandboxConfig }, { signal, owner }) => {
        // Whoever creates it, a container belongs to its pod's owner.
        const whose = owner || ownerOf(sandboxes.get(podSandboxId));
        return {
          containerId: await containers.create(podSandboxId, owned(config, whose), sandboxConfig, signal),
        };
      },
    ),

    startContainer: checked(validate.containerId, async ({ containerId }, { signal }) => {
      await containers.start(containerId, signal);
      return {};
    }),

    updateContainerResources: checked(validate.updateContainerResources, async ({ containerId, linux }) => {
      await containers.update(containerId, linux ?? LinuxContainerResources.fromPartial({}));
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

    listContainers: checked(validate.listContainers, ({ filter }, call) => ({
      containers:
        asksForAll(filter) && call.owner === ""
          ? ofKubelets(containers.list())
          : shown(filter, call).map(item),
    })),

    async *streamContainers(request, call) {
      const { filter } = validate.listContainers(request);
      const items = shown(filter, call).map(item);
      for (const part of inParts(items, (one) => Container.encode(one).finish().length))
        yield { containers: part };
    },

    reopenContainerLog: checked(validate.containerId, async ({ containerId }) => {
      await containers.reopenLog(containerId);
      return {};
    }),
  };
}
