import { type NetworkConfig, type PluginConfig, parseNetworkConfig } from "../network-config.ts";
import { bandwidthPlugin } from "./bandwidth.ts";
import { bridgePlugin } from "./bridge.ts";
import { firewallPlugin } from "./firewall.ts";
import { loopbackPlugin } from "./loopback.ts";
import type { BuiltinPlugin } from "./plugin.ts";
import { portmapPlugin } from "./portmap.ts";
import { tuningPlugin } from "./tuning.ts";

/** By the type of plugin that they replace. */
export const builtinPlugins: ReadonlyMap<string, BuiltinPlugin> = new Map([
  ["bandwidth", bandwidthPlugin],
  ["bridge", bridgePlugin],
  ["firewall", firewallPlugin],
  ["loopback", loopbackPlugin],
  ["portmap", portmapPlugin],
  ["tuning", tuningPlugin],
]);

const commonKeys = ["type", "name", "cniVersion", "cniVersions", "capabilities", "disableGC", "disableCheck"];

/**
 * Why a network needs its plugin programs; undefined if all of its types and keys are supported in process.
 * An unknown key may change what a pod's network does, so it must not be ignored.
 */
export function obstacleOf({ plugins }: NetworkConfig): string | undefined {
  for (const [index, plugin] of plugins.entries()) {
    const obstacle = pluginObstacle(plugin, index);
    if (obstacle !== undefined) return `plugin ${plugin.type}: ${obstacle}`;
  }
  return undefined;
}

/** The same for the text of a configuration file. Throws NetworkError FailedPrecondition if it is invalid. */
export function builtinObstacle(text: string): string | undefined {
  return obstacleOf(parseNetworkConfig(text));
}

function pluginObstacle(plugin: PluginConfig, index: number): string | undefined {
  const builtin = builtinPlugins.get(plugin.type);
  if (builtin === undefined) return "no built-in plugin of this type";
  if ((plugin.type === "bridge") !== (index === 0)) return "a built-in chain begins with one bridge";
  const unknown = Object.keys(plugin).find((key) => !commonKeys.includes(key) && !builtin.keys.includes(key));
  return unknown === undefined ? builtin.obstacle(plugin) : `the key "${unknown}" is not supported`;
}
