import type { CgroupLayout } from "../../../ground/linux/index.ts";
import type { CgroupDriver } from "../cgroups/cgroups-path.ts";
import type { RuncLikeHandler } from "../handlers/handler.ts";
import type { OciLimits, OciSpec } from "../spec/types.ts";

/** A property of a unit, with its D-Bus type and value as words of busctl(1)'s command line. */
export type UnitProperty = readonly [name: string, type: string, ...value: string[]];

/** systemd's value for no limit: the largest 64-bit number. */
const infinity = "18446744073709551615";
/** systemd stores quotas as whole percents of a second. */
const percentUs = 10_000;

/**
 * Limits as systemd's properties (systemd.resource-control(5)), as far as it has any; those for cgroup v1
 * have other names.
 */
export function systemdProperties(
  { memory = {}, cpu = {}, unified = {} }: OciLimits,
  { kind }: Pick<CgroupLayout, "kind">,
): readonly UnitProperty[] {
  const v2 = kind === "v2";
  return [
    ...given(memory.limit, (limit) => [v2 ? "MemoryMax" : "MemoryLimit", "t", orInfinity(limit)]),
    ...given(v2 ? swapAlone(memory) : undefined, (swap) => ["MemorySwapMax", "t", orInfinity(swap)]),
    ...given(v2 ? unified["cpu.weight"] : undefined, (weight) => ["CPUWeight", "t", weight]),
    ...given(v2 ? undefined : cpu.shares, (shares) => ["CPUShares", "t", String(shares)]),
    ...given(cpu.period, (period) => ["CPUQuotaPeriodUSec", "t", String(period)]),
    ...given(cpu.quota, (quota) => ["CPUQuotaPerSecUSec", "t", quotaPerSecond(quota, cpu.period)]),
    ...given(cpu.cpus, (cpus) => ["AllowedCPUs", "ay", ...bitmap(cpus)]),
    ...given(cpu.mems, (mems) => ["AllowedMemoryNodes", "ay", ...bitmap(mems)]),
  ];
}

function given<T>(value: T | undefined, property: (value: T) => UnitProperty): readonly UnitProperty[] {
  return value === undefined ? [] : [property(value)];
}

function orInfinity(value: number): string {
  return value < 0 ? infinity : String(value);
}

/** The runtime-spec counts memory and swap together. */
function swapAlone({ limit, swap }: NonNullable<OciLimits["memory"]>): number | undefined {
  if (swap === undefined || swap < 0) return swap;
  return limit === undefined || limit < 0 ? undefined : Math.max(0, swap - limit);
}

/** The kernel's default period is 100 ms. */
function quotaPerSecond(quota: number, period = 100_000): string {
  if (quota < 0) return infinity;
  return String(Math.ceil((quota * 1_000_000) / period / percentUs) * percentUs);
}

/** A list such as `0-2,5` as bits: the number of bytes, and then the bytes, the lowest first. */
function bitmap(list: string): readonly string[] {
  const bytes: number[] = [];
  for (const range of list.split(",").filter((part) => part.trim() !== "")) {
    const [first = 0, last = first] = range.split("-").map(Number);
    for (let bit = first; bit <= last; bit++) {
      const index = bit >> 3;
      while (bytes.length <= index) bytes.push(0);
      bytes[index] = (bytes[index] ?? 0) | (1 << (bit & 7));
    }
  }
  return [bytes.length, ...bytes].map(String);
}

/**
 * Adds a container's limits to the spec as properties of its scope, in the annotations that OCI runtimes pass
 * to systemd. crun 1.8 writes limits only into the cgroup, where the next `daemon-reload` resets them; runc
 * informs systemd itself. Lists of processors cannot be expressed; they stay as long as nobody sets them in
 * systemd.
 */
export function withSystemdAnnotations(
  spec: OciSpec,
  { type }: Pick<RuncLikeHandler, "type">,
  driver: CgroupDriver,
  layout: CgroupLayout,
): OciSpec {
  if (driver !== "systemd" || type !== "crun") return spec;
  const numbers = systemdProperties(spec.linux.resources, layout).filter(([, kind]) => kind === "t");
  const annotations = numbers.map(([name, , value]) => [`org.systemd.property.${name}`, `uint64 ${value}`]);
  return { ...spec, annotations: { ...spec.annotations, ...Object.fromEntries(annotations) } };
}
