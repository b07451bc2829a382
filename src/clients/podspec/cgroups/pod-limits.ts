import { quantityValue } from "../../../ground/quantity/index.ts";
import type { PodSpec } from "../../manifests/index.ts";
import { cpuQuotaUs, cpuShares } from "./limits.ts";
import { containerLimits, podLimits, podRequests } from "./pod-requests.ts";

/** The limits of a pod's cgroup, for all its containers together. */
export type PodLimits = {
  readonly cpuShares: number;
  /** Microseconds per 100 ms; undefined for no limit. */
  readonly cpuQuotaUs: number | undefined;
  readonly memoryBytes: number | undefined;
  /** Limits in bytes, by page size in bytes. */
  readonly hugePages: ReadonlyMap<number, number>;
};

/** A resource of a pod is limited if the pod says so, or if all its containers are limited. */
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

/** Limits of huge pages by their size in bytes, from `hugepages-2Mi` and the like. */
export function hugePages(limits: Readonly<Record<string, number>>): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  for (const [name, bytes] of Object.entries(limits)) {
    if (!name.startsWith(hugePagePrefix)) continue;
    const size = quantityValue(name.slice(hugePagePrefix.length));
    if (size !== undefined) found.set(size, bytes);
  }
  return found;
}

/** A page size as the kernel and OCI write it: `2MB`. */
export function pageSizeName(bytes: number): string {
  if (bytes >= 2 ** 30) return `${bytes / 2 ** 30}GB`;
  return bytes >= 2 ** 20 ? `${bytes / 2 ** 20}MB` : `${bytes / 2 ** 10}KB`;
}
