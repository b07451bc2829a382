/**
 * What containers and pods use of the machine, read from their control groups: CPU, memory, block devices,
 * tasks, huge pages, pressure (PSI), and what their processes have open; and the forms in which the kernel
 * writes all that.
 *
 * Terms: a *cgroup* is named by its path in the hierarchies, such as "/kubepods/pod1/ID"; a *part* is what of
 * it is read, so that nothing is read that nobody wants; a *rate* is the CPU used between two readings.
 *
 * It must not know of pods, containers or file systems of images, nor hold the main thread up for longer than
 * a few milliseconds: it reads a few cgroups in a row, which is far cheaper than as many trips through the
 * event loop, and then lets others have their turn.
 */
export { CgroupReadings } from "./cgroup-readings.ts";
export { CpuRates } from "./cpu-rates.ts";
export { FlatKeyed, parseBlkioEntries, parseIoStat, parsePressure, single } from "./parse.ts";
export { sumOfUsages } from "./sum-of-usages.ts";
export type {
  CgroupFiles,
  CgroupUsage,
  CpuUsage,
  DeviceUsage,
  HugepageUsage,
  MemoryUsage,
  Pressure,
  PressureLine,
  ProcessUsage,
  UsagePart,
} from "./usage.ts";
