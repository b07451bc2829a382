import type { Container, Engine, Sandbox, SandboxStats } from "../../engines/engine/index.ts";
import { ContainerStats, PodSandboxMetrics, PodSandboxStats } from "../../ground/protocol/index.ts";
import { type CriCall, checked, type RuntimeHandlers } from "./handlers.ts";
import type { MetricGroup } from "./metrics/family.ts";
import { metricDescriptors, partsOf, toPodSandboxMetrics } from "./metrics/metrics.ts";
import { isShown, ownerOf, shownContainers, shownSandboxes } from "./owners.ts";
import { filterContainers, filterSandboxes } from "./translate/filters.ts";
import { inParts } from "./translate/parts.ts";
import { toContainerStats, toPodSandboxStats } from "./translate/stats.ts";
import * as validate from "./validate/index.ts";

/**
 * ContainerStats, PodSandboxStats and metrics: single ones, lists and streams. Lists contain only running
 * ones; a container or sandbox requested by id has whatever figures remain.
 */
export function statsHandlers(engine: Engine, metrics: readonly MetricGroup[]): RuntimeHandlers {
  const { containers, sandboxes, stats } = engine;

  const running = (filter: Parameters<typeof filterContainers>[1], call: CriCall): readonly Container[] =>
    filterContainers(
      shownContainers(containers.list(), call, filter, () => sandboxes.list()),
      filter,
    ).filter(({ state }) => state.kind === "running");
  const ready = (call: CriCall, filter?: Parameters<typeof filterSandboxes>[1]): readonly Sandbox[] =>
    filterSandboxes(shownSandboxes(sandboxes.list(), call, filter), filter).filter(
      ({ state }) => state === "ready",
    );

  const ofContainers = async (list: readonly Container[]) =>
    (await stats.ofContainers(list)).map(toContainerStats);
  const ofSandboxes = async (list: readonly Sandbox[], call: CriCall) =>
    (await stats.ofSandboxes(list)).map((one) => toPodSandboxStats(shownPart(one, call)));
  const podMetrics = async (call: CriCall) => {
    const [list, fileSystem] = await Promise.all([
      stats.ofSandboxes(ready(call), partsOf(metrics)),
      stats.fileSystem(),
    ]);
    return list.map((one) => toPodSandboxMetrics(shownPart(one, call), fileSystem, metrics));
  };

  return {
    containerStats: checked(validate.containerId, async ({ containerId }) => {
      const [found] = await ofContainers([containers.get(containerId)]);
      return { stats: found };
    }),

    listContainerStats: checked(validate.listContainerStats, async ({ filter }, call) => ({
      stats: await ofContainers(running(filter, call)),
    })),

    async *streamContainerStats(request, call) {
      const { filter } = validate.listContainerStats(request);
      const list = await ofContainers(running(filter, call));
      for (const containerStats of inParts(list, (one) => ContainerStats.encode(one).finish().length))
        yield { containerStats };
    },

    podSandboxStats: checked(validate.podSandboxId, async ({ podSandboxId }, call) => {
      const [found] = await ofSandboxes([sandboxes.get(podSandboxId)], call);
      return { stats: found };
    }),

    listPodSandboxStats: checked(validate.listPodSandboxStats, async ({ filter }, call) => ({
      stats: await ofSandboxes(ready(call, filter), call),
    })),

    async *streamPodSandboxStats(request, call) {
      const { filter } = validate.listPodSandboxStats(request);
      const list = await ofSandboxes(ready(call, filter), call);
      for (const podSandboxStats of inParts(list, (one) => PodSandboxStats.encode(one).finish().length))
        yield { podSandboxStats };
    },

    listMetricDescriptors: () => ({ descriptors: metricDescriptors(metrics) }),

    listPodSandboxMetrics: async (_request, call) => ({ podMetrics: await podMetrics(call) }),

    async *streamPodSandboxMetrics(_request, call) {
      const list = await podMetrics(call);
      for (const podSandboxMetrics of inParts(list, (one) => PodSandboxMetrics.encode(one).finish().length))
        yield { podSandboxMetrics };
    },
  };
}

/** Stats of a visible pod, without hidden containers that somebody has run in a kubelet's pod. */
function shownPart(stats: SandboxStats, { owner }: CriCall): SandboxStats {
  if (ownerOf(stats.sandbox) !== "") return stats;
  return { ...stats, containers: stats.containers.filter(({ container }) => isShown(container, owner)) };
}
