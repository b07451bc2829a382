import { quantityValue } from "../../../ground/quantity/index.ts";
import type { PodSpec } from "../../manifests/index.ts";
import { cpuQuotaUs, cpuShares } from "./limits.ts";
import { containerLimits, podLimits, podRequests } from "./pod-requests.ts";

/** What a pod's cgroup is limited to, for all its containers together. */
export type PodLimits = {
  readonly cpuShares: number;
  /** Of each 100 ms; undefined for no limit. */
  readonly cpuQuotaUs: number | undefined;
  readonly memoryBytes: number | undefined;
  /** By size of the pages in bytes. */
  readonly hugePages: ReadonlyMap<number, number>;
};

/** A pod is limited where each of its containers is, or where the pod itself says it. */
export function podLimitsOf(spec: PodSpec): PodLimits {
  const limits = podLimits(spec);
  const all = [...(spec.initContainers ?? []), ...spec.containers];
  const limited = (name: string) => {
    const isLimited = (one: Parameters<typeof containerLimits>[0]) => (containerLimits(one)[name] ?? 0) > 0;
    return isLimited(spec) || all.every(isLimited) ? limits[name] : undefined;
  };
  const [cpu, memory] = [limited("cpu"), limited("memory")];
  return {
    cpuShares: cpuShares(podRequests(spec).cpu ?? 0),
    cpuQuotaUs: cpu === undefined ? undefined : cpuQuotaUs(cpu),
    memoryBytes: memory === undefined ? undefined : Math.floor(memory),
    hugePages: hugePages(limits),
  };
}

const hugePagePrefix = "hugepages-";

/** Limits of huge pages by their size in bytes, of `hugepages-2Mi` and its like. */
export function hugePages(limits: Readonly<Record<string, number>>): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  for (const [name, bytes] of Object.entries(limits)) {
    if (!name.startsWith(hugePagePrefix)) continue;
    const size = quantityValue(name.slice(hugePagePrefix.length));
    if (size !== undefined) found.set(size, bytes);
  }
  return found;
}

/** `2MB`, as the kernel and OCI name the sizes of pages. */
export function pageSizeName(bytes: number): string {
  if (bytes >= 2 ** 30) return `${bytes / 2 ** 30}GB`;
  return bytes >= 2 ** 20 ? `${bytes / 2 ** 20}MB` : `${bytes / 2 ** 10}KB`;
}
