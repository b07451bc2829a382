import { hasCode } from "../../ground/errors/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import type { AttachedNetwork, Maker } from "./attachment.ts";
import type { AddHelp, BuiltinChain } from "./builtin/builtin-chain.ts";
import { obstacleOf } from "./builtin/builtin-plugins.ts";
import type { CniResult } from "./cni-result.ts";
import type { PodAttachment } from "./network.ts";
import type { NetworkChain, ValidAttachment } from "./network-chain.ts";
import type { NetworkConfig } from "./network-config.ts";
import { NetworkError } from "./network-error.ts";
import type { PluginChain } from "./plugin-chain.ts";

type Parts = {
  readonly programs: PluginChain;
  readonly builtin: BuiltinChain;
  /** Whether pods may be attached in process; those that were are always detached in process. */
  readonly useBuiltin: boolean;
  readonly logger: Logger;
};

/** Serves each network with its plugin programs or in process, and each attachment with what created it. */
export class Chains implements NetworkChain {
  readonly #parts: Parts;
  #usable: Promise<boolean> | undefined;
  #isUsable = false;
  #failure: unknown;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Resolves when {@link makerFor} is decided for these networks. */
  async prepare(networks: readonly NetworkConfig[]): Promise<void> {
    if (this.#isUsable || !networks.some((network) => this.#isMeantForBuiltin(network))) return;
    this.#usable ??= this.#probe();
    this.#isUsable = await this.#usable;
    // A machine without memory for a thread may have some for the next pod.
    this.#usable = undefined;
  }

  /** What creates attachments to this network now. */
  makerFor(network: NetworkConfig): Exclude<Maker, "unknown"> {
    return this.#isBuiltin(network) ? "berth" : "programs";
  }

  /** Throws NetworkError FailedPrecondition if something is missing for a pod's attachment. */
  async requireMaker(network: AttachedNetwork): Promise<void> {
    if (network.madeBy === "programs") await this.#parts.programs.requirePlugins(network.config);
    else await this.requirePlugins(network.config);
  }

  async requirePlugins(network: NetworkConfig): Promise<void> {
    await this.prepare([network]);
    if (network.isDefault && !this.#isUsable) throw noDefaultNetwork(this.#failure);
    await this.#now(network).requirePlugins(network);
  }

  /** `help`: for a network that is attached in process. */
  async add(
    network: AttachedNetwork,
    pod: PodAttachment,
    signal?: AbortSignal,
    help?: AddHelp,
  ): Promise<CniResult> {
    const { programs, builtin } = this.#parts;
    if (network.madeBy === "berth") return await builtin.add(network, pod, signal, help);
    return await programs.add(network, pod, signal);
  }

  async delete(network: AttachedNetwork, pod: PodAttachment): Promise<void> {
    for (const chain of this.#makersOf(network)) await chain.delete(network, pod);
  }

  async deleteWhatGoes(network: AttachedNetwork, pod: PodAttachment): Promise<readonly unknown[]> {
    const failures = [];
    for (const chain of this.#makersOf(network)) failures.push(...(await chain.deleteWhatGoes(network, pod)));
    return failures;
  }

  async status(network: NetworkConfig, signal?: AbortSignal): Promise<void> {
    await this.#now(network).status(network, signal);
  }

  async collect(
    network: NetworkConfig,
    valid: readonly ValidAttachment[],
    signal?: AbortSignal,
  ): Promise<void> {
    await this.prepare([network]);
    await this.#now(network).collect(network, valid, signal);
  }

  #isBuiltin(network: NetworkConfig): boolean {
    return network.isDefault || (this.#isUsable && this.#isMeantForBuiltin(network));
  }

  #isMeantForBuiltin(network: NetworkConfig): boolean {
    return network.isDefault || (this.#parts.useBuiltin && obstacleOf(network) === undefined);
  }

  #now(network: NetworkConfig): NetworkChain {
    const { programs, builtin } = this.#parts;
    return this.#isBuiltin(network) ? builtin : programs;
  }

  /**
   * Both if it is unknown; programs may then be missing, if none were ever needed. Programs come last: if the
   * bridge plugin finds the pod's interface, it fails on masquerading that it did not create.
   */
  #makersOf({ madeBy, config }: AttachedNetwork): readonly Pick<NetworkChain, "delete" | "deleteWhatGoes">[] {
    const { programs, builtin } = this.#parts;
    if (madeBy === "berth" || config.isDefault) return [builtin];
    if (madeBy === "programs" || obstacleOf(config) !== undefined) return [programs];
    return [builtin, new WhereInstalled(programs)];
  }

  async #probe(): Promise<boolean> {
    try {
      await this.#parts.builtin.probe();
      return true;
    } catch (err) {
      this.#failure = err;
      this.#parts.logger.warn(
        { err },
        "the built-in network cannot be used: CNI plugins are run as programs, and there is no default network",
      );
      return false;
    }
  }
}

function noDefaultNetwork(cause: unknown): NetworkError {
  return new NetworkError(
    "FailedPrecondition",
    "the default network is not available: the kernel's nf_tables cannot be used; configure a network, or set network.default to none",
    { cause },
  );
}

/** DEL by programs; does nothing if they are not installed, or do not support the configuration. */
class WhereInstalled implements Pick<NetworkChain, "delete" | "deleteWhatGoes"> {
  readonly #programs: PluginChain;

  constructor(programs: PluginChain) {
    this.#programs = programs;
  }

  async delete(network: AttachedNetwork, pod: PodAttachment): Promise<void> {
    try {
      await this.#programs.requirePlugins(network.config);
      await this.#programs.delete(network, pod);
    } catch (error) {
      if (!hasCode(error, "FailedPrecondition")) throw error;
    }
  }

  async deleteWhatGoes(network: AttachedNetwork, pod: PodAttachment): Promise<readonly unknown[]> {
    const failures = await this.#programs.deleteWhatGoes(network, pod);
    return failures.filter((error) => !hasCode(error, "FailedPrecondition"));
  }
}
