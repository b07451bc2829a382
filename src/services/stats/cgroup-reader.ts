import { existsSync } from "node:fs";
import { nowNs } from "../../ground/clock/index.ts";
import type { CgroupLayout } from "../../ground/linux/index.ts";
import { V1Reader } from "./cgroup-v1.ts";
import { V2Reader } from "./cgroup-v2.ts";
import type { ControllerReader } from "./controller-reader.ts";
import { readKernelFile } from "./kernel-file.ts";
import { parsePressure } from "./parse.ts";
import { processUsage, taskStates } from "./processes.ts";
import type { CgroupUsage, Pressures, UsagePart } from "./usage.ts";

/** Reads cgroups of version 1, of version 2, or of a machine with both. */
export class CgroupReader {
  readonly #controllers: ControllerReader;
  /** Pressure comes with every cgroup of version 2, whatever controllers it has. */
  readonly #unified: string | undefined;

  constructor(layout: CgroupLayout) {
    this.#controllers = layout.kind === "v2" ? new V2Reader(layout.v2.mountPoint) : new V1Reader(layout.v1);
    this.#unified = layout.kind === "v1" ? undefined : layout.v2.mountPoint;
  }

  /** Undefined if there is no such cgroup (any more). */
  read(path: string, parts: ReadonlySet<UsagePart>): CgroupUsage | undefined {
    const atNs = nowNs();
    const monotonicNs = process.hrtime.bigint();
    const controllers = this.#controllers;
    const wants = (part: UsagePart) => parts.has(part);
    const usage = {
      cpu: wants("cpu") ? controllers.cpu(path, wants("cpuDetails")) : undefined,
      memory: wants("memory") ? controllers.memory(path, wants("memoryDetails")) : undefined,
      pressure: wants("pressure") ? this.#pressure(path) : undefined,
      devices: wants("devices") ? controllers.devices(path) : undefined,
      tasks: wants("tasks") ? controllers.tasks(path) : undefined,
      hugepages: wants("hugepages") ? controllers.hugepages(path) : undefined,
      limits: wants("limits") ? controllers.limits(path) : undefined,
      files: wants("files") ? controllers.files(path) : undefined,
      ...this.#processes(path, parts),
    };
    return Object.values(usage).every((part) => part === undefined)
      ? undefined
      : { atNs, monotonicNs, ...usage };
  }

  #pressure(path: string): Pressures | undefined {
    if (this.#unified === undefined) return undefined;
    const of = (resource: string) =>
      parsePressure(readKernelFile(`${this.#unified}${path}/${resource}.pressure`));
    const pressure = { cpu: of("cpu"), memory: of("memory"), io: of("io") };
    return Object.values(pressure).every((one) => one === undefined) ? undefined : pressure;
  }

  #processes(path: string, parts: ReadonlySet<UsagePart>): Pick<CgroupUsage, "processes" | "taskStates"> {
    const wanted = parts.has("processes") || parts.has("taskStates");
    const directory = wanted ? this.#controllers.processDirectory(path) : undefined;
    if (directory === undefined || !existsSync(directory))
      return { processes: undefined, taskStates: undefined };
    return {
      processes: parts.has("processes") ? processUsage(directory) : undefined,
      taskStates: parts.has("taskStates") ? taskStates(directory) : undefined,
    };
  }
}
