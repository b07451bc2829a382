import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../../ground/errors/index.ts";
import { isRecord } from "../../../ground/json/index.ts";
import { builtinObstacle } from "../../../services/network/index.ts";
import { type Check, type Finding, fail, ok, warn } from "../check.ts";
import { findProgram } from "../programs.ts";

/** Is a pod network configured, and are its plugins installed? */
export const cniCheck: Check = {
  name: "cni",
  async run({ config: { network } }) {
    const names = await configurationFiles(network.confDir);
    const [first] = names;
    if (first === undefined) return [unconfigured(network.confDir)];
    const path = join(network.confDir, first);
    try {
      const text = await readFile(path, "utf8");
      const plugins = pluginTypes(JSON.parse(text));
      const configuration = ok("CNI configuration", `${path}: ${plugins.join(", ")}`);
      const programs = () => Promise.all(plugins.map((type) => look(type, network.binDirs)));
      if (!network.builtinPlugins) return [configuration, ...(await programs())];
      const obstacle = builtinObstacle(text);
      return obstacle === undefined
        ? [configuration, ok("CNI plugins", "done in the daemon, without programs")]
        : [configuration, ok("CNI plugins", `run as programs: ${obstacle}`), ...(await programs())];
    } catch (error) {
      return [
        fail(
          "CNI configuration",
          `${path}: ${messageOf(error)}`,
          "correct the file; the first one by name is used, and pods wait for it",
        ),
      ];
    }
  },
};

/** In the order in which berthd looks at them. */
async function configurationFiles(dir: string): Promise<string[]> {
  const names = await readdir(dir).catch(() => []);
  return names.filter((name) => /\.(conflist|conf|json)$/.test(name)).sort();
}

function unconfigured(dir: string): Finding {
  const remedy = `install your cluster's network add-on, which writes one, or create a conflist there`;
  return warn("CNI configuration", `none in ${dir}: only pods on the host's network can run`, remedy);
}

/** Throws when it is not the shape of a network configuration (CNI specification, section 1). */
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
  const title = `CNI plugin ${type}`;
  const path = type.includes("/") ? undefined : await findProgram(type, binDirs);
  if (path !== undefined) return ok(title, path);
  const remedy =
    "install it there (`apt-get install containernetworking-plugins` has the usual ones), or add its directory to network.bin_dirs in the configuration";
  return fail(title, `not found in ${binDirs.join(" or ")}`, remedy);
}
