import type { Engine, Sandbox } from "../../engines/engine/index.ts";
import { nowNs } from "../../ground/clock/index.ts";
import { PodSandbox, type PodSandboxFilter } from "../../ground/protocol/index.ts";
import { perItems, perObject } from "../../ground/sync/index.ts";
import { type CriCall, checked, type RuntimeHandlers } from "./handlers.ts";
import { owned, shownContainers, shownSandboxes } from "./owners.ts";
import { toContainerStatus } from "./translate/container.ts";
import { asksForAll, filterSandboxes } from "./translate/filters.ts";
import { inspectionJson } from "./translate/info.ts";
import { inParts } from "./translate/parts.ts";
import { toPodSandbox, toPodSandboxStatus } from "./translate/sandbox.ts";
import * as validate from "./validate/index.ts";

export type SandboxAnswers = {
  /**
   * Whether PodSandboxStatus includes the pod's container statuses and a timestamp. A kubelet that uses
   * events and gets a timestamp takes the statuses from the response, and then (1.37) lists no active
   * containers: it restarts init containers in a loop.
   */
  readonly podStatusWithContainers: boolean;
};

/**
 * RunPodSandbox, StopPodSandbox, RemovePodSandbox, UpdatePodSandboxResources, PodSandboxStatus,
 * ListPodSandbox, StreamPodSandboxes.
 */
export function sandboxHandlers(
  engine: Engine,
  { podStatusWithContainers }: SandboxAnswers = { podStatusWithContainers: false },
): RuntimeHandlers {
  const { sandboxes } = engine;
  const item = perObject(toPodSandbox);
  const shown = (filter: PodSandboxFilter | undefined, call: CriCall) =>
    filterSandboxes(shownSandboxes(sandboxes.list(), call, filter), filter).map(item);
  const ofKubelets = perItems((list: readonly Sandbox[]) => shownSandboxes(list, { owner: "" }).map(item));
  return {
    runPodSandbox: checked(validate.runPodSandbox, async ({ config, runtimeHandler }, { signal, owner }) => ({
      podSandboxId: await sandboxes.run(owned(config, owner), runtimeHandler, signal),
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

    podSandboxStatus: async (request, call) => {
      const { podSandboxId } = validate.podSandboxId(request);
      const sandbox = sandboxes.get(podSandboxId);
      return {
        status: toPodSandboxStatus(sandbox),
        info: request.verbose ? { info: inspectionJson(await sandboxes.inspect(sandbox.id)) } : {},
        ...(podStatusWithContainers
          ? { containersStatuses: containerStatuses(engine, sandbox, call), timestamp: nowNs() }
          : { containersStatuses: [], timestamp: 0n }),
      };
    },

    listPodSandbox: checked(validate.listPodSandbox, ({ filter }, call) => ({
      items: asksForAll(filter) && call.owner === "" ? ofKubelets(sandboxes.list()) : shown(filter, call),
    })),

    async *streamPodSandboxes(request, call) {
      const { filter } = validate.listPodSandbox(request);
      for (const podSandboxes of inParts(
        shown(filter, call),
        (one) => PodSandbox.encode(one).finish().length,
      ))
        yield { podSandboxes };
    },
  };
}

function containerStatuses({ containers, images }: Engine, sandbox: Sandbox, call: CriCall) {
  const own = containers.list().filter((container) => container.sandboxId === sandbox.id);
  return shownContainers(own, call, { podSandboxId: sandbox.id }, () => [sandbox]).map((container) =>
    toContainerStatus(container, images.find(container.imageId)),
  );
}
