import { isRecord, type JsonObject } from "../../ground/json/index.ts";
import { type CniVersion, chooseVersion, supportedRange, unnamedVersion } from "./cni-version.ts";
import { NetworkError } from "./network-error.ts";

/** A network configuration (CNI specification 1.1.0, section 1), as read from one file. */
export type NetworkConfig = {
  readonly name: string;
  readonly cniVersion: CniVersion;
  readonly disableGC: boolean;
  /** It is berth's own default network, which programs do not know. */
  readonly isDefault?: boolean;
  /** In the order of ADD; at least one. */
  readonly plugins: readonly PluginConfig[];
};

/** One plugin's part: `type` is the name of its binary, the rest is passed to it unchanged. */
export type PluginConfig = JsonObject & { readonly type: string };

/**
 * Parses a configuration file: a list with `plugins`, or a single plugin, which counts as a list of one.
 * Throws NetworkError FailedPrecondition that says what is wrong; the caller adds the file's name.
 */
export function parseNetworkConfig(text: string): NetworkConfig {
  const config = parseObject(text);
  const plugins = config.plugins === undefined ? [config] : config.plugins;
  if (!Array.isArray(plugins) || plugins.length === 0) throw invalid('"plugins" is not a list of plugins');
  return {
    name: networkName(config.name),
    cniVersion: cniVersion(config),
    disableGC: config.disableGC === true || config.disableGC === "true",
    plugins: plugins.map(pluginConfig),
  };
}

function parseObject(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new NetworkError("FailedPrecondition", "it is not JSON", { cause });
  }
  if (!isRecord(value)) throw invalid("it is not a JSON object");
  return value;
}

function networkName(name: unknown): string {
  if (typeof name === "string" && /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) return name;
  throw invalid(`"name" is ${JSON.stringify(name)}, not a network name (letters, digits, "_", ".", "-")`);
}

function cniVersion(config: JsonObject): CniVersion {
  if (isMissing(config.cniVersion) && isMissing(config.cniVersions)) return unnamedVersion;
  const listed = Array.isArray(config.cniVersions) ? config.cniVersions : [];
  const offered = [config.cniVersion, ...listed].filter((version) => typeof version === "string");
  const version = chooseVersion(offered);
  if (version !== undefined) return version;
  throw invalid(`"cniVersion" is ${JSON.stringify(config.cniVersion)}; supported are ${supportedRange}`);
}

function isMissing(version: unknown): boolean {
  return version === undefined || version === "";
}

function pluginConfig(plugin: unknown): PluginConfig {
  if (!isRecord(plugin)) throw invalid('an entry of "plugins" is not an object');
  const { type } = plugin;
  if (typeof type === "string" && /^[^/\\\0]+$/.test(type) && type !== "." && type !== "..")
    return { ...plugin, type };
  throw invalid(`the "type" of a plugin is ${JSON.stringify(type)}, not the name of a plugin binary`);
}

function invalid(reason: string): NetworkError {
  return new NetworkError("FailedPrecondition", reason);
}
