import { isRecord, type JsonObject } from "./json.ts";
import type { NetworkConfig, PluginConfig } from "./network-config.ts";

/**
 * The configuration that one plugin is handed (section 3, "Deriving request configuration from plugin configuration").
 * `extra` holds what depends on the command: `runtimeConfig` and `prevResult`, or the valid attachments of GC.
 */
export function requestConfig(
  network: NetworkConfig,
  plugin: PluginConfig,
  extra: JsonObject = {},
): JsonObject {
  const { capabilities: _, ...rest } = plugin;
  return { ...rest, name: network.name, cniVersion: network.cniVersion, ...extra };
}

/** `runtimeConfig` with those of `args` that the plugin declares; undefined when there are none. */
export function runtimeConfig(plugin: PluginConfig, args: JsonObject): JsonObject | undefined {
  const declared = isRecord(plugin.capabilities) ? plugin.capabilities : {};
  const wanted = Object.entries(args).filter(
    ([name]) => Object.hasOwn(declared, name) && declared[name] === true,
  );
  return wanted.length === 0 ? undefined : Object.fromEntries(wanted);
}
