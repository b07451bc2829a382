import { statfs } from "node:fs/promises";
import { nowNs } from "../../ground/clock/index.ts";
import { hasCode } from "../../ground/errors/index.ts";
import { mountOf } from "../../ground/linux/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import type { ContainerDetails } from "../../parts/dockerapi/index.ts";
import { podCgroup } from "../../services/runtime/index.ts";
import { type SignsOfLife, UsageMeter } from "../../services/snapshots/index.ts";
import { CgroupReadings, CpuRates, sumOfUsages } from "../../services/stats/index.ts";
import {
  type CgroupUsage,
  type Container,
  type ContainerStats,
  EngineError,
  type FileSystemStats,
  type NetworkStats,
  type Sandbox,
  type SandboxStats,
  type Stats,
  type UsagePart,
} from "../engine/index.ts";
import { sharesHostNetwork } from "../podnetwork/index.ts";
import type { DockerServices } from "./docker-services.ts";
import type { Found } from "./found.ts";
import { layerOfProcess, layerUsage } from "./layer-usage.ts";
import { cgroupOfProcess } from "./process-facts.ts";

export type DockerStatsOptions = {
  readonly logger: Logger;
  readonly rootDir: () => Promise<string>;
  /** How old the size of a writable layer may be before it is measured again. */
  readonly layerPeriodMs: number;
};

const containerParts = ["cpu", "memory", "pressure"] as const;
const podParts = [...containerParts, "tasks"] as const;
const defaultInterface = "eth0";

/**
 * Statistics, read from cgroups and network namespaces as in the native engine, without requests to Docker.
 */
export class DockerStats implements Stats, AsyncDisposable {
  readonly #services: Pick<
    DockerServices,
    "client" | "mirror" | "abilities" | "sandboxFiles" | "cgroups" | "namespaces"
  >;
  readonly #options: DockerStatsOptions;
  readonly #readings: CgroupReadings;
  readonly #rates = new CpuRates();
  readonly #layers: UsageMeter;
  /** The cgroup of each sandbox and container. Cached, because their processes do not move to another one. */
  readonly #cgroups = new WeakMap<ContainerDetails, string>();
  /** Directories of layers that were found through a process, which may have ended since. */
  readonly #layerPaths = new WeakMap<Found["labels"], string>();

  constructor(
    services: Pick<
      DockerServices,
      "client" | "mirror" | "abilities" | "sandboxFiles" | "cgroups" | "namespaces"
    >,
    options: DockerStatsOptions,
  ) {
    this.#services = services;
    this.#options = options;
    this.#readings = new CgroupReadings(services.cgroups, options.logger);
    this.#layers = new UsageMeter(
      { usage: (id) => this.#layerUsage(id), stat: (id) => this.#services.mirror.find(id) },
      { periodMs: options.layerPeriodMs, logger: options.logger },
    );
    this.#layers.follow(() => this.#signsOfLife());
  }

  async ofContainers(containers: readonly Container[]): Promise<readonly ContainerStats[]> {
    return await this.#ofContainers(containers, containerParts);
  }

  async ofSandboxes(
    sandboxes: readonly Sandbox[],
    parts: readonly UsagePart[] = [],
  ): Promise<readonly SandboxStats[]> {
    const ready = sandboxes.filter(({ state }) => state === "ready");
    const ids = new Set(ready.map(({ id }) => id));
    const containers = this.#services.mirror
      .containers()
      .map(({ view }) => view)
      .filter(({ sandboxId, state }) => ids.has(sandboxId) && state.kind === "running");
    const own = await this.#ownCgroups(ready);
    const ofSandboxes = await Promise.all(ready.map(({ id }) => own.get(id) ?? this.#cgroupOf(id)));
    const [stats, read, networks] = await Promise.all([
      this.#ofContainers(containers, [...podParts, ...parts]),
      this.#read(ofSandboxes, podParts),
      this.#networks(ready),
    ]);
    const cgroups = new Map(ready.map(({ id }, index) => [id, ofSandboxes[index] ?? ""]));
    const byPod = Map.groupBy(stats, ({ container }) => container.sandboxId);
    return sandboxes.map((sandbox) => {
      const { id } = sandbox;
      const inPod = byPod.get(id) ?? [];
      const cgroup = cgroups.get(id) ?? "";
      return {
        sandbox,
        cgroup,
        ...this.#podUsage(id, own.has(id), read.get(cgroup), inPod),
        network: networks.get(id),
        containers: inPod,
      };
    });
  }

  /** Usage of the pod's own cgroup, or the sum of its sandbox's and its containers'. */
  #podUsage(
    id: string,
    hasOwn: boolean,
    usage: CgroupUsage | undefined,
    containers: readonly ContainerStats[],
  ): Pick<SandboxStats, "usage" | "usageNanoCores"> {
    if (hasOwn) return { usage, usageNanoCores: this.#rate(id, usage) };
    const all = [usage, ...containers.map((each) => each.usage)].filter((each) => each !== undefined);
    const rates = containers.flatMap(({ usageNanoCores }) => usageNanoCores ?? []);
    return {
      usage: all.length === 0 ? undefined : sumOfUsages(all),
      usageNanoCores: rates.length === 0 ? undefined : rates.reduce((sum, rate) => sum + rate),
    };
  }

  /** The cgroups of pods that share theirs with no other pod, by sandbox id. */
  async #ownCgroups(ready: readonly Sandbox[]): Promise<ReadonlyMap<string, string>> {
    const { cgroupDriver: driver } = await this.#services.abilities();
    const parentOf = ({ config }: Sandbox) => config.linux?.cgroupParent ?? "";
    const all = this.#services.mirror.sandboxes().filter(({ view }) => view.state === "ready");
    const pods = Map.groupBy(all, ({ view }) => parentOf(view));
    return new Map(
      ready.flatMap((sandbox) => {
        const path = podCgroup(driver, parentOf(sandbox));
        const isShared = (pods.get(parentOf(sandbox)) ?? []).length > 1;
        return path === undefined || isShared ? [] : [[sandbox.id, path] as const];
      }),
    );
  }

  /**
   * Usage by path. Empty paths, of processes that are gone, are left out: they would mean the whole machine.
   */
  async #read(
    cgroups: readonly string[],
    parts: readonly UsagePart[],
  ): Promise<ReadonlyMap<string, CgroupUsage | undefined>> {
    const paths = [...new Set(cgroups)].filter((path) => path !== "");
    const usages = await this.#readings.read(paths, new Set(parts));
    return new Map(paths.map((path, index) => [path, usages[index]]));
  }

  async fileSystem(): Promise<FileSystemStats> {
    const root = await this.#options.rootDir();
    const [stats, mounted] = await Promise.all([statfs(root, { bigint: true }), mountOf(root)]);
    return {
      device: mounted?.source ?? "",
      sizeBytes: stats.blocks * stats.bsize,
      inodes: stats.files,
      freeInodes: stats.ffree,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#readings[Symbol.asyncDispose]();
  }

  async #ofContainers(
    containers: readonly Container[],
    parts: readonly UsagePart[],
  ): Promise<readonly ContainerStats[]> {
    this.#rates.keepOnly(new Set(this.#all()));
    const running = containers.filter(({ state }) => state.kind === "running");
    const cgroups = await Promise.all(running.map(({ id }) => this.#cgroupOf(id)));
    const [read, layers, mountpoint] = await Promise.all([
      this.#read(cgroups, parts),
      this.#layers.usages(containers.map(({ id }) => id)),
      this.#options.rootDir(),
    ]);
    const paths = new Map(running.map(({ id }, index) => [id, cgroups[index] ?? ""]));
    return containers.map((container) => {
      const { id } = container;
      const cgroup = paths.get(id) ?? "";
      const usage = read.get(cgroup);
      const layer = layers.get(id);
      return {
        container,
        cgroup,
        usage,
        usageNanoCores: this.#rate(id, usage),
        writableLayer: layer && { ...layer, mountpoint },
      };
    });
  }

  /** The last CPU time seen of each container, or that it is not running. */
  #signsOfLife(): SignsOfLife {
    const views = this.#services.mirror.containers().map(({ view }) => view);
    return new Map(
      views.map(({ id, state }) => [id, state.kind === "running" ? this.#rates.totalNs(id) : state.kind]),
    );
  }

  #all(): readonly string[] {
    const { mirror } = this.#services;
    return [...mirror.sandboxes(), ...mirror.containers()].map(({ id }) => id);
  }

  #rate(id: string, usage: CgroupUsage | undefined): bigint | undefined {
    if (usage?.cpu === undefined) return undefined;
    return this.#rates.record(id, { totalNs: usage.cpu.totalNs, monotonicNs: usage.monotonicNs });
  }

  /** The cgroup of its process; "" if it is not running. */
  async #cgroupOf(id: string): Promise<string> {
    const details = this.#services.mirror.find(id)?.details;
    if (details === undefined || details.State.Pid === 0) return "";
    const known = this.#cgroups.get(details);
    if (known !== undefined) return known;
    const cgroup = await cgroupOfProcess(details.State.Pid);
    if (cgroup !== "") this.#cgroups.set(details, cgroup);
    return cgroup;
  }

  async #networks(ready: readonly Sandbox[]): Promise<ReadonlyMap<string, NetworkStats>> {
    const own = ready.filter(({ config }) => !sharesHostNetwork(config));
    const { mirror, sandboxFiles, namespaces } = this.#services;
    const paths = own.map(({ id }) => {
      const details = mirror.find(id)?.details;
      return details === undefined ? "" : sandboxFiles.networkNamespace(details);
    });
    if (own.length === 0) return new Map();
    const counters = await namespaces.networkCounters(paths);
    const atNs = nowNs();
    return new Map(
      own.flatMap(({ id }, index) => {
        const interfaces = counters[index]?.filter(({ name }) => name !== "lo");
        if (interfaces === undefined) return [];
        const found = interfaces.some(({ name }) => name === defaultInterface);
        return [[id, { atNs, defaultInterface: found ? defaultInterface : interfaces[0]?.name, interfaces }]];
      }),
    );
  }

  async #layerUsage(id: string) {
    const found: Found | undefined = this.#services.mirror.find(id);
    const path = found && (await this.#layerPath(found));
    try {
      return path === undefined ? await this.#toldUsage(id) : await layerUsage(path);
    } catch (error) {
      if (hasCode(error, "NotFound")) throw error;
      throw new EngineError("Internal", `the layer of container ${id} cannot be measured`, { cause: error });
    }
  }

  /**
   * Docker's own figures. Needed for layers that are not on an overlay, and for those that an engine with
   * containerd's image store unmounted when the process ended.
   */
  async #toldUsage(id: string) {
    const { sizeBytes, changed } = await this.#services.client.containerLayer(id);
    // The root directory is one more inode.
    return { sizeBytes, inodes: changed + 1 };
  }

  async #layerPath({ labels, details }: Found): Promise<string | undefined> {
    const told = details.GraphDriver?.Data?.UpperDir ?? this.#layerPaths.get(labels);
    if (told !== undefined) return told;
    const path = await layerOfProcess(details.State.Pid);
    if (path !== undefined) this.#layerPaths.set(labels, path);
    return path;
  }
}
