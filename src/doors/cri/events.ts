import type { Engine, EngineEvent } from "../../engines/engine/index.ts";
import { type ContainerEventResponse, ContainerEventType } from "../../ground/protocol/index.ts";
import type { CriCall, RuntimeHandlers } from "./handlers.ts";
import { isShown } from "./owners.ts";
import { toContainerStatus } from "./translate/container.ts";
import { toPodSandboxStatus } from "./translate/sandbox.ts";

/** GetContainerEvents: one stream for each client, from the time of its call. */
export function eventHandlers(engine: Engine): RuntimeHandlers {
  return {
    async *getContainerEvents(_request, call) {
      for await (const event of engine.events(call.signal))
        if (["", call.owner].includes(event.owner)) yield toResponse(event, engine, call);
    },
  };
}

const typeByKind = {
  created: ContainerEventType.CONTAINER_CREATED_EVENT,
  started: ContainerEventType.CONTAINER_STARTED_EVENT,
  stopped: ContainerEventType.CONTAINER_STOPPED_EVENT,
  deleted: ContainerEventType.CONTAINER_DELETED_EVENT,
} as const;

function toResponse(event: EngineEvent, { images }: Engine, { owner }: CriCall): ContainerEventResponse {
  return {
    containerId: event.containerId,
    containerEventType: typeByKind[event.kind],
    createdAt: event.atNs,
    podSandboxStatus: event.sandbox === undefined ? undefined : toPodSandboxStatus(event.sandbox),
    containersStatuses: event.containers
      .filter((container) => isShown(container, owner))
      .map((container) => toContainerStatus(container, images.find(container.imageId))),
  };
}
