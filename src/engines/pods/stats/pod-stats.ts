import { statfs } from "node:fs/promises";
import { type CgroupLayout, cpuWeightOf, mountOf } from "../../../ground/linux/index.ts";
import type { MeasuredUsage, SignsOfLife, UsageMeter } from "../../../services/snapshots/index.ts";
import { CgroupReadings, CpuRates, sumOfUsages } from "../../../services/stats/index.ts";
import type {
  CgroupUsage,
  Container,
  ContainerStats,
  Containers,
  FileSystemStats,
  Sandbox,
  SandboxStats,
  Stats,
  UsagePart,
} from "../../engine/index.ts";
import { snapshotterOf } from "../records/snapshots.ts";
import type { PodServices } from "../services.ts";
import { CpuSampler } from "./cpu-sampler.ts";
import { PodCgroups } from "./pod-cgroups.ts";
import { networkStats } from "./pod-network.ts";

/** The file system with containers' writable layers. */
class LayerFileSystem {
  readonly #directory: string;
  /** Looked up once: a node has hundreds of mounts. */
  #device: string | undefined;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async stats(): Promise<FileSystemStats> {
    this.#device ??= (await mountOf(this.#directory))?.source ?? "";
    const stats = await statfs(this.#directory, { bigint: true });
    return {
      device: this.#device,
      sizeBytes: stats.blocks * stats.bsize,
      inodes: stats.files,
      freeInodes: stats.ffree,
    };
  }
}

type Services = Pick<
  PodServices,
  | "cgroupDriver"
  | "logger"
  | "namespaceThread"
  | "pauses"
  | "sandboxes"
  | "snapshotter"
  | "snapshotters"
  | "stateDir"
>;

export type PodStatsOptions = {
  readonly layout: CgroupLayout;
  readonly containers: Pick<Containers, "list">;
  readonly usageMeter: UsageMeter;
  /** How often the CPU time of everything that runs is sampled. */
  readonly samplePeriodMs: number;
};

/** The parts that ContainerStats and PodSandboxStats have fields for. */
const containerParts = ["cpu", "memory", "pressure"] as const;
const podParts = [...containerParts, "tasks"] as const;

/** Readings of cgroups, by path. */
type Readings = ReadonlyMap<string, CgroupUsage | undefined>;

/** {@link Stats} from cgroups, pods' network namespaces, and the snapshotter's measurements. */
export class PodStats implements Stats, AsyncDisposable {
  readonly #services: Services;
  readonly #options: PodStatsOptions;
  readonly #readings: CgroupReadings;
  readonly #rates = new CpuRates();
  readonly #sampler: CpuSampler;
  readonly #fileSystem: LayerFileSystem;

  constructor(services: Services, options: PodStatsOptions) {
    this.#services = services;
    this.#options = options;
    this.#fileSystem = new LayerFileSystem(services.snapshotter.root);
    this.#readings = new CgroupReadings(options.layout, services.logger);
    this.#sampler = new CpuSampler({
      readings: this.#readings,
      rates: this.#rates,
      periodMs: options.samplePeriodMs,
      logger: services.logger,
      running: () => this.#sampled(),
    });
  }

  /** Starts sampling. */
  start(): void {
    this.#options.usageMeter.follow(() => this.#signsOfLife());
    this.#sampler.start();
  }

  async ofContainers(containers: readonly Container[]): Promise<readonly ContainerStats[]> {
    const cgroups = this.#cgroups();
    const running = containers.filter(({ state }) => state.kind === "running");
    const [readings, layers] = await Promise.all([
      this.#read(
        running.map((container) => cgroups.ofContainer(container)),
        containerParts,
      ),
      this.#options.usageMeter.usages(containers.map(({ id }) => id)),
    ]);
    return containers.map((container) => this.#containerStats(container, { cgroups, readings, layers }));
  }

  async ofSandboxes(
    sandboxes: readonly Sandbox[],
    parts: readonly UsagePart[] = [],
  ): Promise<readonly SandboxStats[]> {
    const { namespaceThread, stateDir, pauses } = this.#services;
    const cgroups = this.#cgroups();
    const ready = sandboxes.filter(({ state }) => state === "ready");
    const containers = this.#runningOf(ready);
    const ofPods = ready.flatMap(({ id }) => cgroups.ofPod(id) ?? []);
    const ofPauses = ready
      .filter(({ id }) => pauses.get(id) !== undefined)
      .map(({ id }) => cgroups.ofPause(id));
    const ofContainers = containers.map((container) => cgroups.ofContainer(container));
    const [forPods, forContainers, layers, networks] = await Promise.all([
      this.#read([...ofPods, ...ofPauses], podParts),
      // The sum needs their tasks if the pod has no cgroup of its own.
      this.#read(ofContainers, [...podParts, ...parts]),
      this.#options.usageMeter.usages(containers.map(({ id }) => id)),
      networkStats(ready, stateDir, namespaceThread),
    ]);
    const read = { cgroups, readings: new Map([...forPods, ...forContainers]), layers };
    const stats = containers.map((container) => this.#containerStats(container, read));
    const byPod = Map.groupBy(stats, ({ container }) => container.sandboxId);
    return sandboxes.map((sandbox) => ({
      sandbox,
      ...this.#podUsage(sandbox, read, byPod.get(sandbox.id) ?? []),
      network: networks.get(sandbox.id),
    }));
  }

  fileSystem(): Promise<FileSystemStats> {
    return this.#fileSystem.stats();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#sampler.stop();
    await this.#readings[Symbol.asyncDispose]();
  }

  #containerStats(
    container: Container,
    {
      cgroups,
      readings,
      layers,
    }: { cgroups: PodCgroups; readings: Readings; layers: ReadonlyMap<string, MeasuredUsage> },
  ): ContainerStats {
    const cgroup = cgroups.ofContainer(container);
    const usage = withAskedShares(readings.get(cgroup), container);
    const layer = layers.get(container.id);
    return {
      container,
      cgroup,
      usage,
      usageNanoCores: this.#sampler.rateOf(container, usage),
      writableLayer: layer && { ...layer, mountpoint: snapshotterOf(container.id, this.#services).root },
    };
  }

  #podUsage(
    { id }: Sandbox,
    { cgroups, readings }: { readonly cgroups: PodCgroups; readonly readings: Readings },
    containers: readonly ContainerStats[],
  ): Pick<SandboxStats, "cgroup" | "usage" | "usageNanoCores" | "containers"> {
    const own = cgroups.ofPod(id);
    if (own !== undefined) {
      const usage = readings.get(own);
      return { cgroup: own, usage, usageNanoCores: this.#sampler.rateUpTo(own, usage), containers };
    }
    const pause = cgroups.ofPause(id);
    const usages = [...containers.map(({ usage }) => usage), readings.get(pause)];
    const rates = containers.flatMap(({ usageNanoCores }) => usageNanoCores ?? []);
    return {
      cgroup: pause,
      usage: sumOfUsages(usages.filter((usage) => usage !== undefined)),
      usageNanoCores: rates.length === 0 ? undefined : rates.reduce((sum, rate) => sum + rate),
      containers,
    };
  }

  async #read(cgroups: readonly string[], parts: readonly UsagePart[]): Promise<Readings> {
    const usages = await this.#readings.read(cgroups, new Set(parts));
    return new Map(cgroups.map((cgroup, index) => [cgroup, usages[index]]));
  }

  #cgroups(): PodCgroups {
    return new PodCgroups(this.#services.cgroupDriver, this.#services.sandboxes.list());
  }

  /** For containers: the last CPU time, or that they are not running. */
  #signsOfLife(): SignsOfLife {
    const containers = this.#options.containers.list();
    return new Map(
      containers.map(({ id, state }) => [
        id,
        state.kind === "running" ? this.#rates.totalNs(id) : state.kind,
      ]),
    );
  }

  #readySandboxes() {
    return this.#services.sandboxes.list().filter(({ phase }) => phase === "ready");
  }

  #runningOf(sandboxes: readonly { readonly id: string }[]): readonly Container[] {
    const ids = new Set(sandboxes.map(({ id }) => id));
    return this.#options.containers
      .list()
      .filter(({ state, sandboxId }) => state.kind === "running" && ids.has(sandboxId));
  }

  /** The key of each rate, and its cgroup. */
  #sampled(): ReadonlyMap<string, string> {
    const cgroups = this.#cgroups();
    const sandboxes = this.#readySandboxes();
    const pods = sandboxes.flatMap(({ id }) => cgroups.ofPod(id) ?? []);
    const containers = this.#runningOf(sandboxes);
    return new Map([
      ...pods.map((cgroup) => [cgroup, cgroup] as const),
      ...containers.map((container) => [container.id, cgroups.ofContainer(container)] as const),
    ]);
  }
}

/**
 * Replaces the CPU shares with those that the container requested, if the kernel has the corresponding
 * weight: with cgroup v2, several values of shares map to one weight.
 */
export function withAskedShares<Usage extends Pick<CgroupUsage, "limits">>(
  usage: Usage | undefined,
  { resources }: Pick<Container, "resources">,
): Usage | undefined {
  const asked = resources?.cpuShares ?? 0n;
  if (usage?.limits === undefined || asked === 0n) return usage;
  const same = cpuWeightOf(Number(asked)) === cpuWeightOf(Number(usage.limits.cpuShares));
  return same ? { ...usage, limits: { ...usage.limits, cpuShares: asked } } : usage;
}
