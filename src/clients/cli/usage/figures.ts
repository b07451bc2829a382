import type { CpuUsage, UInt64Value } from "../../../ground/protocol/index.ts";
import { formatBytes } from "../output/units.ts";

/** Selects containers or pods. */
export type UsageFilter = {
  readonly podId: string | undefined;
  readonly namespace: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** Whether to shorten ids. */
  readonly trunc: boolean;
};

/** Percentage of one CPU; "" if the endpoint does not know it (yet). */
export function cpuPercent(cpu: CpuUsage | undefined): string {
  const nanoCores = cpu?.usageNanoCores?.value;
  return nanoCores === undefined ? "" : (Number(nanoCores) / 1e7).toFixed(2);
}

export function bytes(figure: UInt64Value | undefined): string {
  return figure === undefined ? "" : formatBytes(figure.value);
}

/** A comparison that puts those with the highest CPU usage first. */
export function byCpuUse<T>(cpuOf: (one: T) => CpuUsage | undefined): (one: T, other: T) => number {
  const use = (one: T) => Number(cpuOf(one)?.usageNanoCores?.value ?? -1);
  return (one, other) => use(other) - use(one);
}
