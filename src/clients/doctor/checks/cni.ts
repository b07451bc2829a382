import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../../../ground/config/index.ts";
import { hasCode, messageOf } from "../../../ground/errors/index.ts";
import { isRecord } from "../../../ground/json/index.ts";
import {
  builtinObstacle,
  type DefaultNetworkFacts,
  instanceNames,
  lookAtDefaultNetwork,
  unusableProgram,
} from "../../../services/network/index.ts";
import { type Check, type Finding, fail, ok, warn } from "../check.ts";
import { findProgram } from "../programs.ts";

const title = "CNI configuration";

/** Is a pod network configured, and are its plugins installed? */
export const cniCheck: Check = {
  name: "cni",
  async run({ config }) {
    const { network } = config;
    const names = await configurationFiles(network.confDir);
    const [first] = names;
    if (first === undefined) return [await unconfigured(config)];
    const path = join(network.confDir, first);
    try {
      const text = await readFile(path, "utf8");
      const plugins = pluginTypes(JSON.parse(text));
      const configuration = ok(title, `${path}: ${plugins.join(", ")}`);
      const programs = () => Promise.all(plugins.map((type) => look(type, network.binDirs)));
      if (!network.builtinPlugins) return [configuration, ...(await programs())];
      const obstacle = builtinObstacle(text);
      return obstacle === undefined
        ? [configuration, ok("CNI plugins", "built in, no programs needed")]
        : [configuration, ok("CNI plugins", `run as programs: ${obstacle}`), ...(await programs())];
    } catch (error) {
      return [
        fail(
          title,
          `${path}: ${messageOf(error)}`,
          "correct the file; the first one by name is used, and pods wait for it",
        ),
      ];
    }
  },
};

/** False if the daemon itself does everything that pods' networks need. */
export async function runsPrograms({ network }: Config): Promise<boolean> {
  const [first] = await configurationFiles(network.confDir);
  if (first === undefined) return network.default === "none";
  if (!network.builtinPlugins) return true;
  const text = await readFile(join(network.confDir, first), "utf8").catch(() => "");
  try {
    return builtinObstacle(text) !== undefined;
  } catch {
    // Another check reports an invalid file.
    return true;
  }
}

/** The files in the order in which berthd reads them. */
async function configurationFiles(dir: string): Promise<string[]> {
  const names = await readdir(dir).catch(() => []);
  return names.filter((name) => /\.(conflist|conf|json)$/.test(name)).sort();
}

async function unconfigured({ root, network: { confDir, ...network } }: Config): Promise<Finding> {
  if (network.default === "none" || network.confTemplate !== "") {
    const remedy = `install your cluster's network add-on, which writes one, or create a conflist there; or set network.default = "bridge"`;
    return warn(title, `none in ${confDir}: only pods on the host's network can run`, remedy);
  }
  const directory = join(root, "default-network");
  try {
    const facts = await lookAtDefaultNetwork(directory, instanceNames(root).bridge);
    return defaultNetworkFinding(confDir, directory, facts);
  } catch (error) {
    const remedy = hasCode(error, "DataLoss")
      ? `stop the pods of the default network and remove ${directory}`
      : "run `berth doctor` as root; check the disk if the error stays";
    return fail(title, messageOf(error), remedy);
  }
}

function defaultNetworkFinding(
  confDir: string,
  directory: string,
  { subnets, conflicts, obstacle }: DefaultNetworkFacts,
): Finding {
  if (obstacle !== undefined) {
    const remedy = "use a kernel with nf_tables (`modprobe nf_tables`), or create a conflist there";
    return fail(title, `none in ${confDir}, and the default network is not available: ${obstacle}`, remedy);
  }
  const chosen = subnets.length === 0 ? "subnets not chosen yet" : subnets.join(", ");
  const detail = `none in ${confDir}: pods get the default network (${chosen})`;
  if (conflicts.length === 0) return ok(title, detail);
  const remedy = `remove the address or route; or stop the pods, remove ${directory} and restart berthd, which chooses other subnets`;
  return warn(title, `${detail}, but something else uses ${conflicts.join(", ")}`, remedy);
}

/** Throws if it does not have the form of a network configuration (CNI specification, section 1). */
function pluginTypes(config: unknown): string[] {
  if (!isRecord(config)) throw new Error("is not a JSON object");
  if (typeof config.name !== "string" || config.name === "") throw new Error('has no "name"');
  const plugins = Array.isArray(config.plugins) ? config.plugins : [config];
  if (plugins.length === 0) throw new Error('"plugins" is empty');
  return plugins.map((plugin: unknown, index) => {
    if (!isRecord(plugin) || typeof plugin.type !== "string")
      throw new Error(`plugin ${index + 1} has no "type"`);
    return plugin.type;
  });
}

async function look(type: string, binDirs: readonly string[]): Promise<Finding> {
  const about = `CNI plugin ${type}`;
  const path = type.includes("/") ? undefined : await findProgram(type, binDirs);
  if (path !== undefined) return ok(about, path);
  const unusable = type.includes("/") ? undefined : await unusableProgram(type, binDirs);
  if (unusable !== undefined)
    return fail(about, unusable, "make it executable (`chmod 755`), or install the plugins again");
  const remedy =
    "install it there (`apt-get install containernetworking-plugins` has the usual ones), or add its directory to network.bin_dirs in the configuration";
  return fail(about, `not found in ${binDirs.join(" or ")}`, remedy);
}
