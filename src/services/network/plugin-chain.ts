import type { JsonObject } from "../../ground/json/index.ts";
import type { AttachedNetwork } from "./attachment.ts";
import { type CniResult, parseResult } from "./cni-result.ts";
import { isAtLeast } from "./cni-version.ts";
import type { PodAttachment } from "./network.ts";
import type { NetworkChain, ValidAttachment } from "./network-chain.ts";
import type { NetworkConfig, PluginConfig } from "./network-config.ts";
import { NetworkError } from "./network-error.ts";
import type { AttachmentParameters, Plugins } from "./plugins.ts";
import { capabilityArgs, cniArgs, runtimeConfig } from "./pod-arguments.ts";

/** Runs the programs of one network one after the other, as section 3 requires for each command. */
export class PluginChain implements NetworkChain {
  readonly #plugins: Plugins;

  constructor(plugins: Plugins) {
    this.#plugins = plugins;
  }

  async requirePlugins({ plugins }: NetworkConfig): Promise<void> {
    for (const { type } of plugins) await this.#plugins.find(type);
  }

  async add(
    { config, ifName }: AttachedNetwork,
    pod: PodAttachment,
    signal?: AbortSignal,
  ): Promise<CniResult> {
    const attachment = parameters(pod, ifName);
    const args = capabilityArgs(pod);
    let result: CniResult | undefined;
    for (const plugin of config.plugins) {
      const extra = { ...forPod(runtimeConfig(plugin, args)), ...previous(result?.raw) };
      const request = requestConfig(config, plugin, extra);
      const stdout = await this.#plugins.run(
        { type: plugin.type, command: "ADD", request, attachment },
        signal,
      );
      result = parseResult(stdout, plugin.type);
    }
    if (result === undefined) throw new NetworkError("Internal", `the network ${config.name} has no plugins`);
    return result;
  }

  /** DEL in reverse order, each with the final result of ADD. Stops at the first plugin that fails. */
  async delete(network: AttachedNetwork, pod: PodAttachment): Promise<void> {
    for (const plugin of network.config.plugins.toReversed()) await this.#delete(plugin, network, pod);
  }

  /**
   * DEL by as many plugins as possible; resolves with the others' errors. For a pod that is released although
   * {@link delete} fails.
   */
  async deleteWhatGoes(network: AttachedNetwork, pod: PodAttachment): Promise<readonly unknown[]> {
    const errors: unknown[] = [];
    for (const plugin of network.config.plugins.toReversed())
      await this.#delete(plugin, network, pod).catch((error: unknown) => errors.push(error));
    return errors;
  }

  async #delete(
    plugin: PluginConfig,
    { config, ifName, result }: AttachedNetwork,
    pod: PodAttachment,
  ): Promise<void> {
    const prevResult = isAtLeast(config.cniVersion, "0.4.0") ? result : undefined;
    const extra = { ...forPod(runtimeConfig(plugin, capabilityArgs(pod))), ...previous(prevResult) };
    const request = requestConfig(config, plugin, extra);
    const attachment = parameters(pod, ifName);
    await this.#plugins.run({ type: plugin.type, command: "DEL", request, attachment });
  }

  /** STATUS, for networks that support it: throws the error of the first plugin that is not ready. */
  async status(network: NetworkConfig, signal?: AbortSignal): Promise<void> {
    for (const plugin of network.plugins) {
      const request = requestConfig(network, plugin);
      await this.#plugins.run({ type: plugin.type, command: "STATUS", request }, signal);
    }
  }

  /**
   * GC: every plugin forgets all attachments but these. Continues after failures and throws an AggregateError
   * at the end.
   */
  async collect(
    network: NetworkConfig,
    valid: readonly ValidAttachment[],
    signal?: AbortSignal,
  ): Promise<void> {
    // Early versions of the specification and libcni used the second key, which plugins of that time expect.
    const extra = { "cni.dev/valid-attachments": valid, "cni.dev/attachments": valid };
    const errors: unknown[] = [];
    for (const plugin of network.plugins) {
      const request = requestConfig(network, plugin, extra);
      await this.#plugins
        .run({ type: plugin.type, command: "GC", request }, signal)
        .catch((error: unknown) => errors.push(error));
    }
    if (errors.length > 0)
      throw new AggregateError(errors, `the network ${network.name} could not be garbage-collected`);
  }
}

function parameters(pod: PodAttachment, ifName: string): AttachmentParameters {
  return { containerId: pod.sandboxId, ifName, netnsPath: pod.netnsPath, args: cniArgs(pod) };
}

function forPod(config: JsonObject | undefined): JsonObject {
  return config === undefined ? {} : { runtimeConfig: config };
}

function previous(result: JsonObject | undefined): JsonObject {
  return result === undefined ? {} : { prevResult: result };
}

/**
 * The configuration that one plugin gets (section 3, "Deriving request configuration from plugin
 * configuration"). `extra` holds what depends on the command: `runtimeConfig` and `prevResult`, or the valid
 * attachments of GC.
 */
function requestConfig(network: NetworkConfig, plugin: PluginConfig, extra: JsonObject = {}): JsonObject {
  const { capabilities: _, ...rest } = plugin;
  return { ...rest, name: network.name, cniVersion: network.cniVersion, ...extra };
}
