import type { CriOptions } from "../../../doors/cri/index.ts";
import type { MemoryEngine } from "../../../doors/cri/testing/memory-engine.ts";
import type { StreamingRequest, StreamingServer } from "../../../doors/streaming/index.ts";
import { EngineError } from "../../../engines/engine/index.ts";

/** The streaming part of the CRI door. Only running containers can be attached to, as in other runtimes. */
export function streamingOf(
  server: () => StreamingServer | undefined,
  { containers, sandboxes }: MemoryEngine,
): NonNullable<CriOptions["streaming"]> {
  const running = (id: string): string => {
    const container = containers.get(id);
    if (container.state.kind === "running") return container.id;
    throw new EngineError("FailedPrecondition", `container ${container.id} is not running`);
  };
  const url = (request: StreamingRequest): string => {
    const found = server();
    if (found === undefined) throw new EngineError("Unavailable", "the streaming server is restarting");
    return found.url(request).href;
  };
  return {
    exec: async ({ containerId, cmd, ...streams }) =>
      url({ kind: "exec", ...streams, containerId: running(containerId), args: cmd }),
    attach: async ({ containerId, ...streams }) =>
      url({ kind: "attach", ...streams, containerId: running(containerId) }),
    portForward: async ({ podSandboxId, port }) => {
      const { id, state } = sandboxes.get(podSandboxId);
      if (state !== "ready") throw new EngineError("FailedPrecondition", `sandbox ${id} is not ready`);
      return url({ kind: "portforward", sandboxId: id, ports: port });
    },
  };
}
