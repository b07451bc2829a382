import type { Engine, EngineEvent } from "../engine/index.ts";
import { type ContainerEventResponse, ContainerEventType } from "../protocol/index.ts";
import type { RuntimeHandlers } from "./handlers.ts";
import { toContainerStatus } from "./translate/container.ts";
import { toPodSandboxStatus } from "./translate/sandbox.ts";

/** GetContainerEvents: one stream for each client, from the moment it asks. */
export function eventHandlers(engine: Engine): RuntimeHandlers {
  return {
    async *getContainerEvents(_request, { signal }) {
      for await (const event of engine.events(signal)) yield toResponse(event, engine);
    },
  };
}

const typeByKind = {
  created: ContainerEventType.CONTAINER_CREATED_EVENT,
  started: ContainerEventType.CONTAINER_STARTED_EVENT,
  stopped: ContainerEventType.CONTAINER_STOPPED_EVENT,
  deleted: ContainerEventType.CONTAINER_DELETED_EVENT,
} as const;

function toResponse(event: EngineEvent, { images }: Engine): ContainerEventResponse {
  return {
    containerId: event.containerId,
    containerEventType: typeByKind[event.kind],
    createdAt: event.atNs,
    podSandboxStatus: event.sandbox === undefined ? undefined : toPodSandboxStatus(event.sandbox),
    containersStatuses: event.containers.map((container) =>
      toContainerStatus(container, images.find(container.imageId)),
    ),
  };
}
