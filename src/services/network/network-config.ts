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
 * `further`: the plugins in files of their own, which follow. Throws NetworkError FailedPrecondition that
 * says what is wrong; the caller adds the file's name.
 */
export function parseNetworkConfig(text: string, further: readonly PluginConfig[] = []): NetworkConfig {
  const config = parseObject(text);
  const plugins = [...inlinedPlugins(config, further.length > 0), ...further];
  return {
    name: networkName(config.name),
    cniVersion: cniVersion(config),
    disableGC: isOn(config, "disableGC"),
    plugins: plugins.map(pluginConfig),
  };
}

/**
 * The network in a file, unless it has only the plugins in that file. Throws as {@link parseNetworkConfig}.
 */
export function networkOfFurtherPlugins(text: string): string | undefined {
  const config = parseObject(text);
  return isOn(config, onlyInlined) ? undefined : networkName(config.name);
}

/** Parses the file of one plugin. Throws as {@link parseNetworkConfig}. */
export function parsePluginConfig(text: string): PluginConfig {
  return pluginConfig(parseObject(text));
}

const onlyInlined = "loadOnlyInlinedPlugins";

function inlinedPlugins(config: JsonObject, hasFurther: boolean): readonly unknown[] {
  const { plugins, type } = config;
  if (Array.isArray(plugins) && plugins.length > 0) return plugins;
  if (plugins !== undefined) throw invalid('"plugins" is not a list of plugins');
  if (isOn(config, onlyInlined)) throw invalid(`"${onlyInlined}" is true, and there are no "plugins"`);
  return hasFurther && type === undefined ? [] : [config];
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

/** A switch, which may also be a text, as in libcni. */
function isOn(config: JsonObject, key: string): boolean {
  const value = config[key] ?? false;
  const text = typeof value === "string" ? value.toLowerCase() : String(value);
  if (text === "true" || text === "false") return text === "true";
  throw invalid(`"${key}" is ${JSON.stringify(value)}, not true or false`);
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
