import type { Container, Engine, Sandbox } from "../engine/index.ts";
import { ContainerStats, PodSandboxMetrics, PodSandboxStats } from "../protocol/index.ts";
import { checked, type RuntimeHandlers } from "./handlers.ts";
import type { MetricGroup } from "./metrics/family.ts";
import { metricDescriptors, partsOf, toPodSandboxMetrics } from "./metrics/metrics.ts";
import { filterContainers, filterSandboxes } from "./translate/filters.ts";
import { inParts } from "./translate/parts.ts";
import { toContainerStats, toPodSandboxStats } from "./translate/stats.ts";
import * as validate from "./validate/index.ts";

/**
 * ContainerStats, PodSandboxStats and metrics, of one, as lists and as streams. Lists have what runs; a container or sandbox
 * that is asked for by its id has the figures that it still has.
 */
export function statsHandlers(engine: Engine, metrics: readonly MetricGroup[]): RuntimeHandlers {
  const { containers, sandboxes, stats } = engine;

  const running = (filter: Parameters<typeof filterContainers>[1]): readonly Container[] =>
    filterContainers(containers.list(), filter).filter(({ state }) => state.kind === "running");
  const ready = (filter?: Parameters<typeof filterSandboxes>[1]): readonly Sandbox[] =>
    filterSandboxes(sandboxes.list(), filter).filter(({ state }) => state === "ready");

  const ofContainers = async (list: readonly Container[]) =>
    (await stats.ofContainers(list)).map(toContainerStats);
  const ofSandboxes = async (list: readonly Sandbox[]) =>
    (await stats.ofSandboxes(list)).map(toPodSandboxStats);
  const podMetrics = async () => {
    const [list, fileSystem] = await Promise.all([
      stats.ofSandboxes(ready(), partsOf(metrics)),
      stats.fileSystem(),
    ]);
    return list.map((one) => toPodSandboxMetrics(one, fileSystem, metrics));
  };

  return {
    containerStats: checked(validate.containerId, async ({ containerId }) => {
      const [found] = await ofContainers([containers.get(containerId)]);
      return { stats: found };
    }),

    listContainerStats: checked(validate.listContainerStats, async ({ filter }) => ({
      stats: await ofContainers(running(filter)),
    })),

    async *streamContainerStats(request) {
      const { filter } = validate.listContainerStats(request);
      const list = await ofContainers(running(filter));
      for (const containerStats of inParts(list, (one) => ContainerStats.encode(one).finish().length))
        yield { containerStats };
    },

    podSandboxStats: checked(validate.podSandboxId, async ({ podSandboxId }) => {
      const [found] = await ofSandboxes([sandboxes.get(podSandboxId)]);
      return { stats: found };
    }),

    listPodSandboxStats: checked(validate.listPodSandboxStats, async ({ filter }) => ({
      stats: await ofSandboxes(ready(filter)),
    })),

    async *streamPodSandboxStats(request) {
      const { filter } = validate.listPodSandboxStats(request);
      const list = await ofSandboxes(ready(filter));
      for (const podSandboxStats of inParts(list, (one) => PodSandboxStats.encode(one).finish().length))
        yield { podSandboxStats };
    },

    listMetricDescriptors: () => ({ descriptors: metricDescriptors(metrics) }),

    listPodSandboxMetrics: async () => ({ podMetrics: await podMetrics() }),

    async *streamPodSandboxMetrics() {
      const list = await podMetrics();
      for (const podSandboxMetrics of inParts(list, (one) => PodSandboxMetrics.encode(one).finish().length))
        yield { podSandboxMetrics };
    },
  };
}
