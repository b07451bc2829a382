import { quantityValue } from "../../../ground/quantity/index.ts";
import { ManagerError } from "../errors.ts";
import type { PressedResource } from "./usage-rank.ts";

/** The monitored signals, with a kubelet's names. */
export const signals = [
  "memory.available",
  "nodefs.available",
  "nodefs.inodesFree",
  "imagefs.available",
  "imagefs.inodesFree",
] as const;
export type Signal = (typeof signals)[number];

/** The available amount of a resource and its capacity, in bytes or inodes. */
export type Level = { readonly available: number; readonly capacity: number };
export type Levels = { readonly [S in Signal]?: Level };

/** The limits below which there is pressure: an amount, or a percentage of the capacity. */
export type Thresholds = ReadonlyMap<Signal, string>;

/** Parses a kubelet's `evictionHard`. Throws ManagerError InvalidArgument that names the key. */
export function readThresholds(written: Readonly<Record<string, string>>): Thresholds {
  const entries = Object.entries(written).map(([name, value]) => {
    const signal = signals.find((one) => one === name);
    if (signal === undefined)
      throw new ManagerError(
        "InvalidArgument",
        `eviction_hard: ${name} is not a signal; the signals are ${signals.join(", ")}`,
      );
    if (amountOf(value, 0) === undefined)
      throw new ManagerError(
        "InvalidArgument",
        `eviction_hard: the threshold of ${name} must be a quantity such as 100Mi, or a percentage, not ${JSON.stringify(value)}`,
      );
    return [signal, value] as const;
  });
  return new Map(entries);
}

/** Throws ManagerError InvalidArgument for a lower limit of images that is above the higher one. */
export function checkImageLimits(highPercent: number, lowPercent: number): void {
  if (lowPercent <= highPercent) return;
  const message = `image_gc_low_percent (${lowPercent}) must not be above image_gc_high_percent (${highPercent})`;
  throw new ManagerError("InvalidArgument", message);
}

/** A threshold as an amount; undefined if it is not valid. */
function amountOf(written: string, capacity: number): number | undefined {
  if (!written.endsWith("%")) return quantityValue(written);
  const percent = Number(written.slice(0, -1));
  return percent >= 0 && percent <= 100 ? (capacity * percent) / 100 : undefined;
}

export type Shortage = { readonly signal: Signal; readonly threshold: number; readonly available: number };

/** The shortages, memory first, in a kubelet's order. */
export function shortages(levels: Levels, thresholds: Thresholds): readonly Shortage[] {
  return signals.flatMap((signal) => {
    const [level, written] = [levels[signal], thresholds.get(signal)];
    if (level === undefined || written === undefined) return [];
    const threshold = Math.floor(amountOf(written, level.capacity) ?? 0);
    return level.available < threshold ? [{ signal, threshold, available: level.available }] : [];
  });
}

/** The resource that a signal is about. */
export function resourceOf(signal: Signal): PressedResource {
  if (signal === "memory.available") return "memory";
  return signal.endsWith(".inodesFree") ? "inodes" : "ephemeral-storage";
}
