import { readdir, readFile } from "node:fs/promises";
import { extname } from "node:path";
import { messageOf } from "../../ground/errors/index.ts";
import { isErrno } from "../../ground/fs/index.ts";
import {
  type NetworkConfig,
  networkOfFurtherPlugins,
  type PluginConfig,
  parseNetworkConfig,
  parsePluginConfig,
} from "./network-config.ts";

/**
 * Contents of the configuration directory: the networks of a pod, the default one first, or why there are
 * none.
 */
export type Configuration =
  | { readonly kind: "networks"; readonly networks: readonly NetworkConfig[] }
  | { readonly kind: "none"; readonly message: string }
  /** There is no file. */
  | { readonly kind: "absent"; readonly message: string };

/**
 * Reads the first `maxCount` configurations of a directory (all of them for 0), in the lexical order of their
 * file names. A broken file among those makes the whole configuration unusable, as in containerd: skipping it
 * would silently put pods on a network that the administrator did not intend.
 */
export async function readConfigDirectory(directory: string, maxCount: number): Promise<Configuration> {
  try {
    const files = await configFiles(directory);
    if (files.length === 0)
      return { kind: "absent", message: `no CNI network configuration in ${directory}` };
    const chosen = maxCount === 0 ? files : files.slice(0, maxCount);
    const networks = await Promise.all(chosen.map((file) => readConfig(directory, file)));
    return { kind: "networks", networks };
  } catch (error) {
    if (!isErrno(error, "ENOENT")) return { kind: "none", message: messageOf(error) };
    return { kind: "absent", message: `the CNI configuration directory ${directory} does not exist` };
  }
}

/** Names of the network configuration files in `directory`, in order. Throws Node's own errors. */
export async function configFiles(directory: string): Promise<readonly string[]> {
  return await filesOf(directory, [".conf", ".conflist", ".json"]);
}

async function filesOf(directory: string, extensions: readonly string[]): Promise<readonly string[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory() && extensions.includes(extname(entry.name)))
    .map((entry) => entry.name)
    .sort();
}

async function readConfig(directory: string, file: string): Promise<NetworkConfig> {
  const path = `${directory}/${file}`;
  try {
    const text = await readFile(path, "utf8");
    const network = extname(file) === ".conflist" ? networkOfFurtherPlugins(text) : undefined;
    const further = network === undefined ? [] : await furtherPlugins(`${directory}/${network}`);
    return parseNetworkConfig(text, further);
  } catch (cause) {
    throw new Error(`the CNI configuration ${path} is invalid`, { cause });
  }
}

/** Those of a list's plugins that have files of their own, in the directory of its network (section 1). */
async function furtherPlugins(directory: string): Promise<readonly PluginConfig[]> {
  const files = await filesOf(directory, [".conf"]).catch((error: unknown) => {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return [];
    throw error;
  });
  return await Promise.all(files.map((file) => readPlugin(`${directory}/${file}`)));
}

async function readPlugin(path: string): Promise<PluginConfig> {
  try {
    return parsePluginConfig(await readFile(path, "utf8"));
  } catch (cause) {
    throw new Error(`its plugin in ${path} is invalid`, { cause });
  }
}
