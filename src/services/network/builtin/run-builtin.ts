import { isRecord, type JsonObject } from "../../../ground/json/index.ts";
import { deleteLink, linkByIndex, NetlinkSocket } from "../../../ground/linux/index.ts";
import type { AttachedNetwork } from "../attachment.ts";
import type { CniResult } from "../cni-result.ts";
import { parseResult } from "../cni-result.ts";
import { LateSync } from "../late-sync.ts";
import type { PodAttachment } from "../network.ts";
import type { NetworkConfig, PluginConfig } from "../network-config.ts";
import { NetworkError } from "../network-error.ts";
import { capabilityArgs, runtimeConfig } from "../pod-arguments.ts";
import { writeAttachment, writeResult } from "../write-attachment.ts";
import type { BuiltinAnswer, BuiltinJob, BuiltinThreadData } from "./builtin-jobs.ts";
import { builtinPlugins } from "./builtin-plugins.ts";
import { keepAddressesOf } from "./host-local.ts";
import { parseIpNetwork } from "./ip-address.ts";
import { PacketRules } from "./packet-rules.ts";
import type { BuiltinPlugin, LeftLink, PluginCall, PluginTools, PreparedPort } from "./plugin.ts";
import { asNetworkError } from "./plugin-failure.ts";
import { removePrepared } from "./pod-link.ts";
import type { AddressOwner } from "./reservations.ts";
import { type AddResult, printedResult } from "./result.ts";
import { usedPrefixes } from "./used-prefixes.ts";

type AddJob = Extract<BuiltinJob, { kind: "add" }>;

/** Runs the thread's jobs, with sockets that stay open. */
export class BuiltinRunner {
  readonly #tools: PluginTools;
  readonly #lateSync = new LateSync();

  /** `step` is called with the name of each step before it. Throws LinuxError. */
  constructor({ table }: BuiltinThreadData, step: (name: string) => void) {
    const rules = new PacketRules(table);
    this.#tools = { route: NetlinkSocket.open("route"), rules, mark: table, step };
  }

  /** Throws NetworkError that names the plugin. */
  async run(job: BuiltinJob): Promise<BuiltinAnswer> {
    switch (job.kind) {
      case "add":
        return { result: await this.#add(job), rebuilt: this.#tools.rules.takeRebuilt() };
      case "prepare":
        return { port: await this.#prepare(job.network, job.netnsPath) };
      case "discard":
        await removePrepared(job.port);
        return {};
      case "delete":
        return { links: await this.#delete(job.network, job.pod) };
      case "restore":
        this.#restore(job.network, job.pod);
        return {};
      case "removeLink":
        await this.#removeLink(job.link);
        return {};
      case "collect":
        await this.#collect(job.network, job.valid);
        return {};
      case "probe":
        this.#tools.rules.probe();
        return {};
      case "verify":
        this.#tools.rules.verify(job.isReplaced);
        return { rebuilt: this.#tools.rules.takeRebuilt() };
      case "listUsed":
        return { used: usedPrefixes(this.#tools.route, job.exceptLink) };
    }
  }

  async #add({ network, pod, prepared, file }: AddJob): Promise<JsonObject> {
    if (file !== undefined) writeAttachment(file, { pod, networks: [network] });
    const result = await this.#addPlugins(network, pod, prepared);
    if (file !== undefined) {
      writeResult(file, result);
      this.#lateSync.add(file);
    }
    return result;
  }

  async #addPlugins(
    { config, ifName }: AttachedNetwork,
    pod: PodAttachment,
    prepared: PreparedPort | undefined,
  ): Promise<JsonObject> {
    // A namespace that was prepared in advance may not be pinned yet.
    const place = prepared && { prepared, netnsPath: prepared.netnsPath };
    let result: AddResult | undefined;
    for (const [plugin, builtin] of pluginsOf(config.plugins)) {
      const call = { ...callOf(plugin, config.name, ifName, pod), ...place };
      result = await builtin.add(call, result, this.#tools).catch((error: unknown) => {
        throw asNetworkError(error, plugin.type, "ADD");
      });
    }
    if (result === undefined) throw new NetworkError("Internal", `the network ${config.name} has no plugins`);
    return printedResult(result, config.cniVersion);
  }

  /** Only the first plugin that can prepare does so: the others depend on what it creates. */
  async #prepare({ config, ifName }: AttachedNetwork, netnsPath: string): Promise<PreparedPort | undefined> {
    for (const [plugin, { prepare }] of pluginsOf(config.plugins))
      if (prepare !== undefined)
        return await prepare(plugin, { netnsPath, ifName }, this.#tools).catch((error: unknown) => {
          throw asNetworkError(error, plugin.type, "ADD");
        });
    return undefined;
  }

  async #delete(network: AttachedNetwork, pod: PodAttachment): Promise<readonly LeftLink[]> {
    const { config, ifName } = network;
    const result = knownResult(network);
    const links: LeftLink[] = [];
    for (const [plugin, builtin] of pluginsOf(config.plugins.toReversed())) {
      const call = callOf(plugin, config.name, ifName, pod);
      const left = await builtin.delete(call, result, this.#tools).catch((error: unknown) => {
        throw asNetworkError(error, plugin.type, "DEL");
      });
      links.push(...left);
    }
    return links;
  }

  #restore(network: AttachedNetwork, pod: PodAttachment): void {
    const result = knownResult(network);
    if (result === undefined) return;
    const tools = { ...this.#tools, rules: this.#tools.rules.restorer };
    for (const [plugin, builtin] of pluginsOf(network.config.plugins))
      builtin.restore?.(callOf(plugin, network.config.name, network.ifName, pod), result, tools);
  }

  /** In other networks, addresses may belong to pods of another program that uses the same files. */
  async #collect({ name, plugins, isDefault }: NetworkConfig, valid: readonly AddressOwner[]): Promise<void> {
    this.#tools.rules.keepOnly(name, valid);
    for (const [, builtin] of pluginsOf(plugins)) await builtin.collect?.(name, valid, this.#tools);
    if (!isDefault) return;
    for (const { ipam } of plugins) if (isRecord(ipam)) await keepAddressesOf(name, ipam, valid);
  }

  /** The index cannot have been reused: indexes only increase. */
  async #removeLink({ index, name }: LeftLink): Promise<void> {
    const link = linkByIndex(this.#tools.route, index);
    if (link?.name === name) await deleteLink(this.#tools.route, link);
  }
}

function pluginsOf(plugins: readonly PluginConfig[]): readonly (readonly [PluginConfig, BuiltinPlugin])[] {
  return plugins.map((plugin) => {
    const builtin = builtinPlugins.get(plugin.type);
    if (builtin === undefined)
      throw new NetworkError("FailedPrecondition", `no built-in CNI plugin ${plugin.type}`);
    return [plugin, builtin];
  });
}

function callOf(config: PluginConfig, network: string, ifName: string, pod: PodAttachment): PluginCall {
  return {
    network,
    config,
    containerId: pod.sandboxId,
    ifName,
    netnsPath: pod.netnsPath,
    sandbox: pod.netnsPath,
    runtimeConfig: runtimeConfig(config, capabilityArgs(pod)) ?? {},
  };
}

/** The stored result of ADD, whoever created it. */
function knownResult({ result, config }: AttachedNetwork): AddResult | undefined {
  if (result === undefined) return undefined;
  const parsed: CniResult = parseResult(JSON.stringify(result), config.name);
  return {
    interfaces: parsed.interfaces,
    ips: parsed.ips.flatMap(({ cidr, interfaceIndex }) => {
      const address = parseIpNetwork(cidr);
      return address === undefined ? [] : [{ address, gateway: undefined, interface: interfaceIndex }];
    }),
    routes: [],
    dns: {},
  };
}
