import { messageOf } from "../../ground/errors/index.ts";
import { type Configuration, readConfigDirectory } from "./config-directory.ts";
import type { NetworkStatus } from "./network.ts";
import type { NetworkChain } from "./network-chain.ts";
import type { NetworkConfig } from "./network-config.ts";
import { PathWatcher } from "./path-watcher.ts";
import { notReady, Readiness } from "./readiness.ts";

export type ConfiguredNetworksOptions = {
  readonly confDir: string;
  /** How many configuration files are used, each for one interface of a pod; 0 means all. */
  readonly maxConfNum: number;
};

/** The watch of the directory does not report that a disk, a route or a limit is no obstacle any more. */
const againAfterMs = 5000;

type Parts = {
  readonly chain: NetworkChain;
  /** The network of pods as long as none was ever configured; undefined if they get none. */
  readonly otherwise: (() => Promise<NetworkConfig>) | undefined;
};

type State =
  | { readonly kind: "networks"; readonly networks: readonly NetworkConfig[]; readonly readiness: Readiness }
  | { readonly kind: "none"; readonly message: string };

/** The networks in the configuration directory, kept up to date, and whether they are ready. */
export class ConfiguredNetworks implements AsyncDisposable {
  readonly #options: ConfiguredNetworksOptions;
  readonly #parts: Parts;
  readonly #watcher: PathWatcher;
  #state: State = { kind: "none", message: "the CNI configuration has not been read yet" };
  #reading: Promise<void> = Promise.resolve();
  #readsWaiting = 0;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #wasConfigured = false;

  private constructor(options: ConfiguredNetworksOptions, parts: Parts) {
    this.#options = options;
    this.#parts = parts;
    this.#watcher = new PathWatcher(options.confDir, () => void this.reload());
  }

  /** Watches the directory from now on; resolves when it has been read once. */
  static async open(options: ConfiguredNetworksOptions, parts: Parts): Promise<ConfiguredNetworks> {
    const configured = new ConfiguredNetworks(options, parts);
    await configured.reload();
    return configured;
  }

  /** If there is no network, the directory is read again in the background: the reason may have passed. */
  status(): NetworkStatus {
    if (this.#state.kind === "networks") return this.#state.readiness.status();
    if (performance.now() - this.#readAtMs > againAfterMs) void this.reload();
    return notReady(this.#state.message);
  }

  /**
   * The default network first; empty if the configuration is missing or broken, which {@link status}
   * explains.
   */
  networks(): readonly NetworkConfig[] {
    return this.#state.kind === "networks" ? this.#state.networks : [];
  }

  /** Reads the directory again; calls while one is pending share it. */
  reload(): Promise<void> {
    if (this.#readsWaiting === 0) {
      this.#readsWaiting++;
      this.#reading = this.#reading.then(() => {
        this.#readsWaiting--;
        return this.#read();
      });
    }
    return this.#reading;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watcher[Symbol.dispose]();
    await this.#reading;
    if (this.#state.kind === "networks") await this.#state.readiness[Symbol.asyncDispose]();
  }

  async #read(): Promise<void> {
    const { confDir, maxConfNum } = this.#options;
    const previous = this.#state;
    this.#readAtMs = performance.now();
    const next = await this.#withDefault(await readConfigDirectory(confDir, maxConfNum));
    if (previous.kind === "networks" && sameNetworks(previous.networks, next)) return;
    this.#state = await this.#stateOf(next);
    if (previous.kind === "networks") await previous.readiness[Symbol.asyncDispose]();
  }

  /**
   * The file may disappear briefly, as when a network add-on is updated: a pod that starts at that time must
   * not get into another network.
   */
  async #withDefault(configuration: Configuration): Promise<Configuration> {
    const { otherwise } = this.#parts;
    if (configuration.kind !== "absent") this.#wasConfigured = true;
    if (configuration.kind !== "absent" || otherwise === undefined) return configuration;
    if (this.#wasConfigured) {
      const message = `${configuration.message} any more; pods get the default network after a restart of berthd`;
      return { kind: "none", message };
    }
    try {
      return { kind: "networks", networks: [await otherwise()] };
    } catch (error) {
      return { kind: "none", message: messageOf(error) };
    }
  }

  async #stateOf(configuration: Configuration): Promise<State> {
    if (configuration.kind !== "networks") return { kind: "none", message: configuration.message };
    const { networks } = configuration;
    const readiness = new Readiness(networks, this.#parts.chain);
    await readiness.check();
    return { kind: "networks", networks, readiness };
  }
}

function sameNetworks(networks: readonly NetworkConfig[], next: Configuration): boolean {
  return next.kind === "networks" && JSON.stringify(networks) === JSON.stringify(next.networks);
}
