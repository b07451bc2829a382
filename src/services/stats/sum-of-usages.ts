import type { CgroupUsage, MemoryUsage } from "./usage.ts";

/**
 * Total CPU time, memory and tasks of several cgroups; pressure cannot be summed, and limits apply to each
 * alone. Undefined for none.
 */
export function sumOfUsages(usages: readonly CgroupUsage[]): CgroupUsage | undefined {
  const last = usages.at(-1);
  if (last === undefined) return undefined;
  return {
    atNs: last.atNs,
    monotonicNs: last.monotonicNs,
    cpu: sumOf(present(usages.map(({ cpu }) => cpu)), (cpus) => ({
      totalNs: total(cpus, ({ totalNs }) => totalNs),
      details: undefined,
    })),
    memory: sumOf(present(usages.map(({ memory }) => memory)), memorySum),
    tasks: sumOf(present(usages.map(({ tasks }) => tasks)), (tasks) => ({
      count: total(tasks, ({ count }) => count),
      limit: undefined,
    })),
    pressure: undefined,
    devices: undefined,
    hugepages: undefined,
    limits: undefined,
    processes: undefined,
    taskStates: undefined,
    files: undefined,
  };
}

function memorySum(memories: readonly MemoryUsage[]): MemoryUsage {
  return {
    usageBytes: total(memories, ({ usageBytes }) => usageBytes),
    workingSetBytes: total(memories, ({ workingSetBytes }) => workingSetBytes),
    limitBytes: undefined,
    rssBytes: total(memories, ({ rssBytes }) => rssBytes),
    pageFaults: total(memories, ({ pageFaults }) => pageFaults),
    majorPageFaults: total(memories, ({ majorPageFaults }) => majorPageFaults),
    swap: sumOf(present(memories.map(({ swap }) => swap)), (swaps) => ({
      usageBytes: total(swaps, ({ usageBytes }) => usageBytes),
      limitBytes: undefined,
    })),
    details: undefined,
  };
}

function sumOf<T, Sum>(parts: readonly T[], sum: (parts: readonly T[]) => Sum): Sum | undefined {
  return parts.length === 0 ? undefined : sum(parts);
}

function present<T>(parts: readonly (T | undefined)[]): readonly T[] {
  return parts.filter((part) => part !== undefined);
}

function total<T>(parts: readonly T[], figure: (part: T) => bigint): bigint {
  return parts.reduce((sum, part) => sum + figure(part), 0n);
}
