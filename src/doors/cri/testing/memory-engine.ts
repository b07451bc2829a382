import { randomBytes } from "node:crypto";
import { EventEmitter, on } from "node:events";
import {
  type CgroupUsage,
  type Container,
  type ContainerStats,
  type Engine,
  type EngineAbout,
  EngineError,
  type EngineEvent,
  type EngineStatus,
  type ExecOutcome,
  type Image,
  type NetworkStats,
  type Sandbox,
  type UntaggedImage,
} from "../../../engines/engine/index.ts";
import {
  type ContainerConfig,
  LinuxPodSandboxConfig,
  type PodSandboxConfig,
} from "../../../ground/protocol/index.ts";
import { digestOf } from "../../../parts/oci/index.ts";
import { container, image, imageId, sandbox } from "./samples.ts";

type Images = Engine["images"];

/**
 * An engine that runs nothing and keeps its pods in memory: the door's other side in tests. It behaves as the
 * interface says; a test may replace `run`, `exec`, `pull`, `pullAny`, `push`, `save`, `inspect`,
 * `manifests`, `usages`, `prune` or `importArchive`.
 */
export class MemoryEngine implements Engine {
  readonly sandboxTable = new Map<string, Sandbox>();
  readonly containerTable = new Map<string, Container>();
  readonly imageTable: Image[] = [];
  readonly profileTable = new Map<string, ReturnType<Engine["securityProfiles"]["list"]>[number]>();
  readonly heldIds = new Set<string>();
  readonly #events = new EventEmitter();
  podCidr = "";
  cgroupDriver: EngineAbout["cgroupDriver"] = "cgroupfs";

  /** Awaited by RunPodSandbox. */
  run: (signal: AbortSignal | undefined) => Promise<void> = async () => {};
  exec: (args: readonly string[], timeoutMs: number, signal?: AbortSignal) => Promise<ExecOutcome> =
    async () => ({
      exitCode: 0,
      stdout: new Uint8Array(),
      stderr: new Uint8Array(),
    });
  pull: Images["pull"] = async () => image();
  pullAny: Images["pullAny"] = async (request, signal) => ({ id: (await this.pull(request, signal)).id });
  importArchive: Images["importArchive"] = async () => [];
  push: Images["push"] = async ({ image: name, destination = name }) => ({
    reference: destination,
    digest: image().manifest.digest,
  });

  save: Images["save"] = async () => {
    throw new EngineError("NotFound", "no image is here");
  };
  inspect: Images["inspect"] = async (wanted) => {
    throw new EngineError("NotFound", `image ${wanted} not found`);
  };
  manifests: Images["manifests"] = async () => [];
  usages: Images["usages"] = async () => [];
  prune: Engine["pruneImages"] = async () => ({ images: [], reclaimedBytes: 0 });

  readonly securityProfiles: Engine["securityProfiles"] = {
    pull: async ({ reference }) => {
      const digest = digestOf(reference);
      const cached = this.profileTable.has(digest);
      this.profileTable.set(digest, { digest, references: [reference], sizeBytes: 7 });
      return { cached };
    },
    list: () => [...this.profileTable.values()],
    remove: async (digest) => void this.profileTable.delete(digest),
    read: async () => "{}",
  };

  readonly sandboxes: Engine["sandboxes"] = {
    run: async (config: PodSandboxConfig, handler: string, signal?: AbortSignal) => {
      await this.run(signal);
      const made = sandbox({ id: newId(), config, handler });
      this.sandboxTable.set(made.id, made);
      return made.id;
    },
    stop: async (id) => {
      const found = this.sandboxTable.get(id);
      if (found !== undefined) this.sandboxTable.set(id, { ...found, state: "notReady", ips: [] });
    },
    remove: async (id) => void this.sandboxTable.delete(id),
    update: async (id, changes) => {
      const found = this.sandboxes.get(id);
      const linux = LinuxPodSandboxConfig.fromPartial({ ...found.config.linux, ...changes });
      this.sandboxTable.set(found.id, { ...found, config: { ...found.config, linux } });
    },
    get: (id) => byPrefix(this.sandboxTable, id, "sandbox"),
    list: () => [...this.sandboxTable.values()],
    inspect: async (id) => ({ pid: 7, memory: 1024n, config: this.sandboxes.get(id).config }),
  };

  readonly containers: Engine["containers"] = {
    create: async (sandboxId: string, config: ContainerConfig) => {
      const made = container({ id: newId(), sandboxId: this.sandboxes.get(sandboxId).id, config });
      this.containerTable.set(made.id, made);
      return made.id;
    },
    start: async (id) => this.#setState(id, { kind: "running", pid: 7, startedAtNs: 3n }),
    update: async (id, resources) => {
      const found = this.containers.get(id);
      this.containerTable.set(found.id, { ...found, resources });
    },
    stop: async (id) => {
      if (!this.containerTable.has(id)) return;
      this.#setState(id, {
        kind: "exited",
        startedAtNs: 3n,
        finishedAtNs: 4n,
        exitCode: 0,
        reason: "Completed",
        message: "",
      });
    },
    remove: async (id) => void this.containerTable.delete(id),
    get: (id) => byPrefix(this.containerTable, id, "container"),
    list: () => [...this.containerTable.values()],
    expectExec: () => undefined,
    execSync: (id, args, timeoutMs, signal) => {
      this.containers.get(id);
      return this.exec(args, timeoutMs, signal);
    },
    reopenLog: async (id) => {
      if (this.containers.get(id).state.kind !== "running") {
        throw new EngineError("FailedPrecondition", `container ${id} is not running`);
      }
    },
    withRootfs: async (id, _, use) => {
      const { id: snapshotKey, imageId } = this.containers.get(id);
      return await use({ snapshotKey, imageId, mountPoints: [] }, new AbortController().signal);
    },
    inspect: async (id) => ({ id: this.containers.get(id).id, pid: 7 }),
  };

  /** Stats of each running container. */
  usage: CgroupUsage | undefined;
  network: NetworkStats | undefined;

  readonly stats: Engine["stats"] = {
    ofContainers: async (containers) => containers.map((one) => this.#statsOf(one)),
    ofSandboxes: async (sandboxes) =>
      sandboxes.map((sandbox) => ({
        sandbox,
        cgroup: `/pods/${sandbox.id}`,
        usage: this.usage,
        usageNanoCores: 5n,
        network: this.network,
        containers: this.containers
          .list()
          .filter(({ sandboxId, state }) => sandboxId === sandbox.id && state.kind === "running")
          .map((one) => this.#statsOf(one)),
      })),
    fileSystem: async () => ({ device: "/dev/vda", sizeBytes: 1000n, inodes: 100n, freeInodes: 50n }),
  };

  readonly checkpoints: Engine["checkpoints"] = {
    checkpointContainer: async ({ containerId }) => {
      if (this.containers.get(containerId).state.kind !== "running")
        throw new EngineError("FailedPrecondition", `container ${containerId} is not running`);
    },
    checkpointPod: async ({ sandboxId }) => void this.sandboxes.get(sandboxId),
    restorePod: async ({ config, handler, containerConfigs }) => {
      const sandboxId = await this.sandboxes.run(config, handler);
      const made = containerConfigs.map(async (each) => ({
        name: each.metadata?.name ?? "",
        containerId: await this.containers.create(sandboxId, each, config),
      }));
      return { sandboxId, containers: await Promise.all(made) };
    },
  };

  readonly images: Images = {
    pull: (request, signal) => this.pull(request, signal),
    pullAny: (request, signal) => this.pullAny(request, signal),
    importArchive: (path, signal) => this.importArchive(path, signal),
    push: (request, signal) => this.push(request, signal),
    tag: async (wanted, tag) => {
      const found = this.images.find(wanted);
      if (found === undefined) throw new EngineError("NotFound", `image ${wanted} not found`);
      const tagged = { ...found, repoTags: [...found.repoTags, tag] };
      this.imageTable.splice(this.imageTable.indexOf(found), 1, tagged);
      return tag;
    },
    list: () => this.imageTable,
    find: (wanted) =>
      this.imageTable.find((one) => one.id === wanted || one.repoTags.some((tag) => tag.includes(wanted))),
    remove: async (wanted) => {
      const found = this.images.find(wanted);
      if (found !== undefined) this.imageTable.splice(this.imageTable.indexOf(found), 1);
    },
    untag: async () => [],
    save: (request, signal) => this.save(request, signal),
    inspect: (wanted, platform) => this.inspect(wanted, platform),
    manifests: () => this.manifests(),
    usages: () => this.usages(),
    freeSpace: async () => ({ images: [], reclaimedBytes: 0 }),
    prune: (request) => this.prune(request),
    hold: (reference) => {
      this.heldIds.add(reference);
      return { [Symbol.dispose]: () => void this.heldIds.delete(reference) };
    },
    setPinned: async (wanted, pinned) => {
      const found = this.images.find(wanted);
      if (found === undefined) throw new EngineError("NotFound", `image ${wanted} not found`);
      const changed = { ...found, pinned };
      this.imageTable.splice(this.imageTable.indexOf(found), 1, changed);
      return changed;
    },
    fsInfo: async () => ({
      images: { mountpoint: "/images", usedBytes: 10, inodesUsed: 1 },
      containers: { mountpoint: "/containers", usedBytes: 20, inodesUsed: 2 },
    }),
  };

  removeImage(idOrReference: string): Promise<void> {
    return this.images.remove(idOrReference);
  }

  pruneImages(request: Parameters<Engine["pruneImages"]>[0]): ReturnType<Engine["pruneImages"]> {
    return this.prune(request);
  }

  holdContainer(id: string): Disposable {
    const held = this.containers.get(id).id;
    this.heldIds.add(held);
    return { [Symbol.dispose]: () => void this.heldIds.delete(held) };
  }

  async untagImage(idOrReference: string): Promise<UntaggedImage> {
    const found = this.images.find(idOrReference);
    if (found === undefined) throw new EngineError("NotFound", `image ${idOrReference} not found`);
    await this.images.remove(idOrReference);
    return { untagged: found.repoTags, removed: found.id };
  }

  ids(): readonly string[] {
    return [...this.sandboxes.list(), ...this.containers.list()].map(({ id }) => id);
  }

  get about(): EngineAbout {
    return { runtimeName: "memory", runtimeVersion: "1.2.3", cgroupDriver: this.cgroupDriver };
  }

  async status(): Promise<EngineStatus> {
    return {
      conditions: [
        { type: "RuntimeReady", ok: true, reason: "", message: "" },
        { type: "NetworkReady", ok: false, reason: "NetworkPluginNotReady", message: "no conflist" },
      ],
      userNamespacesHostNetwork: false,
      handlers: [{ name: "", recursiveReadOnlyMounts: true, userNamespaces: false, cgroupNamespaces: true }],
      mountOptions: true,
      cgroupMountMode: true,
      seccompProfiles: true,
      details: { config: { root: "/var/lib/berth" } },
    };
  }

  async setPodCidr(cidr: string): Promise<void> {
    if (cidr !== "") this.podCidr = cidr;
  }

  async *events(signal: AbortSignal): AsyncIterable<EngineEvent> {
    for await (const [event] of on(this.#events, "event", { signal })) yield event;
  }

  /** Emits an event to all listeners; returns how many there are. */
  emit(event: Partial<EngineEvent>): number {
    const complete = {
      kind: "created",
      containerId: imageId,
      owner: "",
      atNs: 1n,
      sandbox: undefined,
      containers: [],
      ...event,
    };
    this.#events.emit("event", complete);
    return this.listeners();
  }

  listeners(): number {
    return this.#events.listenerCount("event");
  }

  #statsOf(container: Container): ContainerStats {
    return {
      container,
      cgroup: `/pods/${container.sandboxId}/${container.id}`,
      usage: container.state.kind === "running" ? this.usage : undefined,
      usageNanoCores: 5n,
      writableLayer: { takenAtNs: 9n, mountpoint: "/containers", sizeBytes: 4096, inodes: 3 },
    };
  }

  #setState(id: string, state: Container["state"]): void {
    const found = this.containers.get(id);
    this.containerTable.set(found.id, { ...found, state });
  }
}

function newId(): string {
  return randomBytes(32).toString("hex");
}

function byPrefix<T extends { readonly id: string }>(
  table: ReadonlyMap<string, T>,
  id: string,
  what: string,
): T {
  for (const one of table.values()) if (one.id.startsWith(id)) return one;
  throw new EngineError("NotFound", `${what} ${id} does not exist`);
}
