import { join } from "node:path";
import type { ContainerConfig } from "../../../ground/protocol/index.ts";
import { EngineError, type PodRestoreRequest, type RestoredPod } from "../../engine/index.ts";
import type { ContainerLifecycle } from "../container/container-lifecycle.ts";
import { usableHandler } from "../handlers.ts";
import type { SandboxLifecycle } from "../sandbox/sandbox-lifecycle.ts";
import type { PodServices } from "../services.ts";
import { criuFor } from "./capability.ts";
import { type PodDump, readPodDump } from "./pod-dump.ts";

/**
 * Creates a pod and its containers from a pod's checkpoint; each container is restored when it is started.
 */
export class PodRestore {
  readonly #services: PodServices;
  readonly #sandboxes: SandboxLifecycle;
  readonly #containers: ContainerLifecycle;

  constructor(services: PodServices, sandboxes: SandboxLifecycle, containers: ContainerLifecycle) {
    this.#services = services;
    this.#sandboxes = sandboxes;
    this.#containers = containers;
  }

  async restore(request: PodRestoreRequest, signal?: AbortSignal): Promise<RestoredPod> {
    criuFor(usableHandler(this.#services.handlers, request.handler), request.config, this.#services);
    const { directory } = request;
    const lookUp = this.#services.hostPaths.of(directory, signal);
    const archives = archivesByName(request, await readPodDump(directory, lookUp));
    const before = new Set(this.#services.sandboxes.list().map(({ id }) => id));
    const sandboxId = await this.#sandboxes.run(request.config, request.handler, signal);
    try {
      const containers: { name: string; containerId: string }[] = [];
      for (const [config, archive] of archives) {
        signal?.throwIfAborted();
        const containerId = await this.#containers.createFrom({ path: archive }, sandboxId, config, signal);
        containers.push({ name: config.metadata?.name ?? "", containerId });
      }
      return { sandboxId, containers };
    } catch (error) {
      // A pod that an earlier call created, whose response was lost, belongs to that call.
      if (!before.has(sandboxId))
        await this.#sandboxes
          .remove(sandboxId)
          .catch((err: unknown) =>
            this.#services.logger.error(
              { err, sandbox: sandboxId },
              "cannot remove a pod whose restore failed; remove it with RemovePodSandbox",
            ),
          );
      throw error;
    }
  }
}

/** Matches configurations and archives by name. Throws EngineError InvalidArgument if the names differ. */
function archivesByName(
  { directory, containerConfigs }: PodRestoreRequest,
  { containers }: PodDump,
): readonly (readonly [ContainerConfig, string])[] {
  const archives = new Map(containers.map(({ name, archive }) => [name, join(directory, archive)]));
  const pairs = containerConfigs.map((config) => {
    const name = config.metadata?.name ?? "";
    const archive = archives.get(name);
    archives.delete(name);
    if (archive !== undefined) return [config, archive] as const;
    const known = containers.map((container) => container.name).join(", ");
    throw new EngineError(
      "InvalidArgument",
      `container_configs: ${JSON.stringify(name)} must match exactly one of the checkpoint's containers (${known})`,
    );
  });
  const [left] = archives.keys();
  if (left === undefined) return pairs;
  throw new EngineError(
    "InvalidArgument",
    `container_configs: no configuration for the checkpoint's container ${left}`,
  );
}
