/**
 * Resource usage of containers and pods, read from their cgroups: CPU, memory, block devices, tasks, huge
 * pages, pressure (PSI), and open files of their processes; and parsers for the kernel's formats.
 *
 * Terms: a *cgroup* is named by its path in the hierarchies, such as "/kubepods/pod1/ID"; a *part* is a group
 * of figures that is read only on request; a *rate* is the CPU used between two readings.
 *
 * It must not know pods, containers or file systems of images, nor block the main thread for longer than a
 * few milliseconds: it reads a few cgroups in a row, which is far cheaper than as many turns of the event
 * loop, and then yields.
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
