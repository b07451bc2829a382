import type { CriServerOptions } from "../../cri/index.ts";
import type { MemoryEngine } from "../../cri/testing/memory-engine.ts";
import { EngineError } from "../../engine/index.ts";
import type { StreamingServer } from "../../streaming/index.ts";

/** What the CRI door asks of streaming: only containers that run are attached to, as other runtimes than berthd want it. */
export function streamingOf(
  server: StreamingServer,
  { containers, sandboxes }: MemoryEngine,
): NonNullable<CriServerOptions["streaming"]> {
  const running = (id: string): string => {
    const container = containers.get(id);
    if (container.state.kind === "running") return container.id;
    throw new EngineError("FailedPrecondition", `container ${container.id} is not running`);
  };
  return {
    exec: async ({ containerId, cmd, ...streams }) =>
      server.url({ kind: "exec", ...streams, containerId: running(containerId), args: cmd }).href,
    attach: async ({ containerId, ...streams }) =>
      server.url({ kind: "attach", ...streams, containerId: running(containerId) }).href,
    portForward: async ({ podSandboxId, port }) => {
      const { id, state } = sandboxes.get(podSandboxId);
      if (state !== "ready") throw new EngineError("FailedPrecondition", `sandbox ${id} is not ready`);
      return server.url({ kind: "portforward", sandboxId: id, ports: port }).href;
    },
  };
}
