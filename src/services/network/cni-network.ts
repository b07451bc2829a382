import { isNamespacePin } from "../../ground/linux/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import { KeyLock } from "../../ground/sync/index.ts";
import type { AttachedNetwork, Attachment, Maker } from "./attachment.ts";
import { AttachmentStore } from "./attachment-store.ts";
import { type AddHelp, BuiltinChain } from "./builtin/builtin-chain.ts";
import type { PreparedPort } from "./builtin/plugin.ts";
import { Chains } from "./chains.ts";
import { parseResult } from "./cni-result.ts";
import { ConfiguredNetworks } from "./configured-networks.ts";
import { type DefaultNetworkOptions, defaultNetwork, keptDefaultNetwork } from "./default-network.ts";
import { Detacher } from "./detacher.ts";
import { GarbageCollection } from "./garbage-collection.ts";
import { HostPorts } from "./host-ports.ts";
import type { InstanceNames } from "./instance.ts";
import type {
  AttachedNetworkResult,
  Network,
  NetworkResult,
  NetworkStatus,
  PodAttachment,
  Prepared,
  PreparedNetwork,
} from "./network.ts";
import type { NetworkConfig } from "./network-config.ts";
import { NetworkError } from "./network-error.ts";
import { OrphanPlugins } from "./orphan-plugins.ts";
import { PluginChain } from "./plugin-chain.ts";
import { Plugins } from "./plugins.ts";
import { type IpPreference, type NetworkOutcome, podAddresses } from "./pod-addresses.ts";
import { writePodCidrConfig } from "./pod-cidr-config.ts";

export type CniNetworkOptions = {
  /** Directory of the network configurations; need not exist yet. */
  readonly confDir: string;
  /** Directories of the plugins' binaries, searched in this order. */
  readonly binDirs: readonly string[];
  /**
   * For attachments and their results. It must survive a reboot: plugins keep addresses across one, which DEL
   * frees.
   */
  readonly cacheDir: string;
  /**
   * How many configuration files are used, in lexical order, each for one interface (eth0, eth1, ...); 0
   * means all.
   */
  readonly maxConfNum: number;
  /** For one run of one plugin. */
  readonly pluginTimeoutMs: number;
  /** For how long DEL may fail before a pod is let go without it. */
  readonly giveUpAfterMs: number;
  readonly ipPreference: IpPreference;
  /**
   * Whether to do in process what the standard plugins do, for networks whose plugins and keys are all
   * supported.
   */
  readonly builtinPlugins: boolean;
  /** The network of pods if none is configured: berth's own, or none. */
  readonly default: "bridge" | "none";
  /** For the default network's subnets and addresses. It must survive a reboot. */
  readonly defaultDir: string;
  /** Names of this daemon's objects in its network namespace; see {@link "./instance.ts"}. */
  readonly names: InstanceNames;
  /** Overrides the file of the built-in plugins' thread, in fault tests. */
  readonly builtinThread?: URL;
  /** Path of a template that {@link CniNetwork.setPodCidr} renders; see {@link "./config-template.ts"}. */
  readonly confTemplate?: string;
};

type Parts = {
  readonly configured: ConfiguredNetworks;
  readonly builtin: BuiltinChain;
  readonly chain: Chains;
  readonly store: AttachmentStore;
  /** Sandboxes that are fully or partly attached at the start. */
  readonly earlier: readonly string[];
  readonly logger: Logger;
};

/** {@link Network} with CNI plugins, run as programs or built in. */
export class CniNetwork implements Network {
  readonly #options: CniNetworkOptions;
  readonly #configured: ConfiguredNetworks;
  readonly #builtin: BuiltinChain;
  readonly #chain: Chains;
  readonly #store: AttachmentStore;
  readonly #detacher: Detacher;
  readonly #collection: GarbageCollection;
  readonly #logger: Logger;
  /** Plugins must not be run twice at once for one pod (section 2, "Lifecycle & Ordering"). */
  readonly #turns = new KeyLock();
  readonly #hostPorts = new HostPorts();
  #restoring: Promise<void> = Promise.resolve();
  #restoredInTurn: Promise<unknown> = Promise.resolve();
  /** The next daemon restores what is left. */
  #isClosed = false;
  #collecting: Promise<void> = Promise.resolve();

  private constructor(
    options: CniNetworkOptions,
    { configured, builtin, chain, store, earlier, logger }: Parts,
  ) {
    this.#options = options;
    this.#configured = configured;
    this.#builtin = builtin;
    this.#chain = chain;
    this.#store = store;
    this.#logger = logger;
    this.#detacher = new Detacher({
      chain,
      store,
      orphans: new OrphanPlugins(earlier, options.pluginTimeoutMs),
      logger,
      earlier,
      giveUpAfterMs: options.giveUpAfterMs,
      pluginTimeoutMs: options.pluginTimeoutMs,
      networksNow: () => this.#networksNow(() => "unknown"),
      tryAgain: (sandboxId) => this.detach(sandboxId),
    });
    this.#collection = new GarbageCollection(chain, store, logger);
  }

  /** Reads the configuration and watches it from then on. Throws if `cacheDir` cannot be created. */
  static async open(options: CniNetworkOptions, logger: Logger): Promise<CniNetwork> {
    const programs = new PluginChain(new Plugins(options));
    const { builtinPlugins: useBuiltin, builtinThread: thread, names } = options;
    const builtin: BuiltinChain = new BuiltinChain({
      table: names.table,
      logger,
      onRulesLost: () => network.#restoreRules(),
      ...(thread !== undefined && { thread }),
    });
    const chain = new Chains({ programs, builtin, useBuiltin, logger });
    const store = await AttachmentStore.open(options.cacheDir);
    const earlier = await store.list();
    const own: DefaultNetworkOptions = {
      directory: options.defaultDir,
      bridge: names.bridge,
      usedPrefixes: () => builtin.usedPrefixes(names.bridge),
    };
    // With a template, a configuration will follow.
    const hasDefault = options.default === "bridge" && options.confTemplate === undefined;
    const otherwise = hasDefault ? () => defaultNetwork(own) : undefined;
    const configured = await ConfiguredNetworks.open(options, { chain, otherwise });
    const network: CniNetwork = new CniNetwork(options, {
      configured,
      builtin,
      chain,
      store,
      earlier,
      logger,
    });
    network.#collectGarbage();
    network.#collecting = network.#collectGarbageOf(() => keptDefaultNetwork(own));
    // Somebody may have removed them while no daemon ran.
    if (earlier.length > 0) network.#restoreRules();
    void network.#detacher.resume();
    return network;
  }

  status(): NetworkStatus {
    return this.#configured.status();
  }

  async attach(pod: PodAttachment, signal?: AbortSignal, prepared?: Prepared): Promise<NetworkResult> {
    using _ = await this.#turns.acquire(pod.sandboxId, signal);
    const { sandboxId } = pod;
    const earlier = this.#store.mayHave(sandboxId) ? await this.#store.read(sandboxId) : undefined;
    // Undoing the failure would remove the existing attachment, too.
    if (earlier?.networks.some(({ result }) => result !== undefined))
      throw new NetworkError(
        "AlreadyExists",
        `pod sandbox ${sandboxId} is attached to its networks already: detach it first`,
      );
    const networks = await this.#wantedNetworks();
    for (const { config } of networks) await this.#collection.onceFor(config);
    const usable = prepared && (await this.#usable(prepared, networks[0]));
    if (usable === undefined || networks.length > 1) await prepared?.pinned;
    return await this.#attach({ pod, networks }, signal, usable && { port: usable, pinned: prepared.pinned });
  }

  async prepare(netnsPath: string): Promise<PreparedNetwork | undefined> {
    const [network] = await this.#wantedNetworks();
    if (network?.madeBy !== "berth") return undefined;
    const port = await this.#builtin.prepare(network, netnsPath);
    return port && { network: JSON.stringify(network.config), port };
  }

  async detach(sandboxId: string, { pod }: { readonly pod?: PodAttachment } = {}): Promise<void> {
    {
      using _ = await this.#turns.acquire(sandboxId);
      await this.#detacher.detach(sandboxId, pod);
    }
    this.#freePorts(sandboxId);
  }

  async describe(sandboxId: string): Promise<readonly AttachedNetworkResult[]> {
    const attachment = await this.#store.read(sandboxId);
    return (attachment?.networks ?? []).map(({ ifName, config, result }) => ({
      interface: ifName,
      network: config.name,
      result,
    }));
  }

  async addresses(sandboxId: string): Promise<readonly string[]> {
    const attachment = await this.#store.read(sandboxId);
    const outcomes = (attachment?.networks ?? []).flatMap(({ ifName, config, result }) =>
      result === undefined ? [] : [{ ifName, result: parseResult(JSON.stringify(result), config.name) }],
    );
    return podAddresses(outcomes, this.#options.ipPreference).ips;
  }

  attachments(): Promise<readonly string[]> {
    return this.#store.list();
  }

  async setPodCidr(cidr: string): Promise<void> {
    const { confTemplate, confDir } = this.#options;
    if (confTemplate === undefined) return;
    await writePodCidrConfig({ template: confTemplate, directory: confDir, cidr });
    await this.#configured.reload();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#detacher[Symbol.dispose]();
    await this.#configured[Symbol.asyncDispose]();
    await this.#collecting;
    await this.#collection[Symbol.asyncDispose]();
    await this.#restoring;
    await this.#restoredInTurn;
    await this.#builtin[Symbol.asyncDispose]();
    await this.#store[Symbol.asyncDispose]();
  }

  /** Also for the default network, which pods may have used before another one was configured. */
  async #collectGarbageOf(network: () => Promise<NetworkConfig | undefined>): Promise<void> {
    try {
      const config = await network();
      if (config !== undefined) await this.#collection.onceFor(config);
    } catch (err) {
      this.#logger.warn({ err }, "garbage collection of the default network failed");
    }
  }

  /** What was created in advance; if the pod's first network has changed since, it is removed instead. */
  async #usable(
    { network: made, port }: PreparedNetwork,
    network: AttachedNetwork | undefined,
  ): Promise<PreparedPort | undefined> {
    if (network?.madeBy === "berth" && JSON.stringify(network.config) === made) return port;
    await this.#builtin.discard(port);
    return undefined;
  }

  /** At the start, for the configured networks; for later ones, before their first pod. */
  #collectGarbage(): void {
    for (const config of this.#configured.networks()) void this.#collection.onceFor(config);
  }

  /**
   * Throws NetworkError before anything is created: Unavailable without a usable configuration,
   * FailedPrecondition without a plugin.
   */
  async #wantedNetworks(): Promise<readonly AttachedNetwork[]> {
    // What kept it from being used may have passed since it was read.
    if (this.#configured.networks().length === 0) await this.#configured.reload();
    await this.#chain.prepare(this.#configured.networks());
    const networks = this.#networksNow((config) => this.#chain.makerFor(config));
    const status = this.status();
    if (networks.length === 0 && status.kind === "notReady")
      throw new NetworkError("Unavailable", status.message);
    for (const network of networks) await this.#chain.requireMaker(network);
    return networks;
  }

  #networksNow(makerOf: (config: NetworkConfig) => Maker): readonly AttachedNetwork[] {
    const configs = this.#configured.networks();
    return configs.map((config, index) => ({
      ifName: `eth${index}`,
      madeBy: makerOf(config),
      config,
      result: undefined,
    }));
  }

  /** The rules of all pods were removed, for instance by a reloaded firewall, or may have been. */
  #restoreRules(): void {
    this.#restoreLater(async () => {
      const oldestFirst = await this.#store.listByAge();
      for (const sandboxId of oldestFirst) await this.#notePorts(sandboxId);
      // Of pods that have requested the same host port, the last one gets it.
      return oldestFirst.toReversed();
    });
  }

  /** Also of a pod that has ended: its ports may be due to others once it is detached. */
  async #notePorts(sandboxId: string): Promise<void> {
    try {
      const attachment = await this.#store.read(sandboxId);
      // It may have been detached in the meantime.
      if (attachment !== undefined && this.#store.mayHave(sandboxId)) this.#hostPorts.add(attachment.pod);
    } catch (err) {
      this.#logger.warn({ sandboxId, err }, "the host ports of a pod are not known");
    }
  }

  /** Pods that have requested the same host ports get them. */
  #freePorts(sandboxId: string): void {
    for (const other of this.#hostPorts.remove(sandboxId)) this.#restoreLater(() => [other]);
  }

  #restoreLater(sandboxIds: () => readonly string[] | Promise<readonly string[]>): void {
    this.#restoring = this.#restoring.then(async () => {
      try {
        for (const sandboxId of await sandboxIds()) {
          using turn = this.#turns.tryAcquire(sandboxId);
          if (turn !== undefined) await this.#restoreRulesOf(sandboxId);
          else this.#restoreInTurn(sandboxId);
        }
      } catch (err) {
        this.#logger.error({ err }, "the rules of pods could not be restored");
      }
    });
  }

  /** A plugin of this pod may hang, for which others do not wait. */
  #restoreInTurn(sandboxId: string): void {
    const restored = this.#turns.acquire(sandboxId).then(async (turn) => {
      using _ = turn;
      await this.#restoreRulesOf(sandboxId);
    });
    this.#restoredInTurn = Promise.all([this.#restoredInTurn, restored]);
  }

  /** Not of a pod that has ended: its address may soon be another one's, and its ports the machine's. */
  async #restoreRulesOf(sandboxId: string): Promise<void> {
    if (this.#isClosed) return;
    try {
      const attachment = await this.#store.read(sandboxId);
      if (attachment === undefined || attachment.givenUp || !isNamespacePin(attachment.pod.netnsPath)) return;
      await this.#builtin.restore(attachment);
    } catch (err) {
      this.#logger.warn({ sandboxId, err }, "the rules of a pod could not be restored");
    }
  }

  /**
   * The record of what to undo is written before the plugins run, and with the result after them; in process,
   * by the thread that creates the network. While programs run, which takes longer, it reaches the disk.
   */
  async #attach(
    intent: Attachment,
    signal: AbortSignal | undefined,
    prepared: Pick<Prepared, "port" | "pinned"> | undefined,
  ): Promise<NetworkResult> {
    const { sandboxId } = intent.pod;
    const [first, ...others] = intent.networks;
    const byThread = first?.madeBy === "berth" && others.length === 0;
    const file = byThread ? this.#store.fileOf(sandboxId) : undefined;
    if (!byThread) await this.#store.write(intent);
    // ADD takes them from other pods, even if it fails later.
    this.#hostPorts.add(intent.pod);
    try {
      const [added, synced] = await Promise.allSettled([
        this.#addAll(intent, signal, { prepared: prepared?.port, file }),
        intent.networks.some(({ madeBy }) => madeBy !== "berth") ? this.#store.sync(sandboxId) : undefined,
      ]);
      if (added.status === "rejected") throw added.reason;
      if (synced.status === "rejected") throw synced.reason;
      const outcomes = added.value;
      const addresses = podAddresses(outcomes, this.#options.ipPreference);
      if (addresses.ips.length === 0) {
        const name = intent.networks[0]?.config.name;
        throw new NetworkError("Internal", `the CNI network ${name} assigned no address to the pod on eth0`);
      }
      const networks = intent.networks.map((network, index) => ({
        ...network,
        result: outcomes[index]?.result.raw,
      }));
      if (!byThread) {
        await this.#store.write({ ...intent, networks });
        await this.#store.sync(sandboxId);
      }
      return addresses;
    } catch (error) {
      // DEL runs in the pod's namespace, or without one if it cannot be pinned.
      await prepared?.pinned.catch(() => undefined);
      await this.#undo(intent);
      throw error;
    }
  }

  /**
   * All networks at once, since they are independent; waits for all, so that DEL never runs during an ADD.
   */
  async #addAll(
    { pod, networks }: Attachment,
    signal: AbortSignal | undefined,
    help: AddHelp,
  ): Promise<readonly NetworkOutcome[]> {
    const additions = networks.map((network, index) =>
      this.#chain.add(network, pod, signal, index === 0 ? help : {}),
    );
    await Promise.allSettled(additions);
    const results = await Promise.all(additions);
    return results.map((result, index) => ({ ifName: `eth${index}`, result }));
  }

  /** The caller gets ADD's error. If DEL fails, too, the record stays, and the pod's removal retries. */
  async #undo(intent: Attachment): Promise<void> {
    try {
      await this.#detacher.undoFailedAdd(intent);
      this.#freePorts(intent.pod.sandboxId);
    } catch (error) {
      const { sandboxId } = intent.pod;
      this.#logger.warn(
        { sandboxId, err: error },
        "DEL after a failed ADD failed; it is retried when the pod is removed",
      );
    }
  }
}
