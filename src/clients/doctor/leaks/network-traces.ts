import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../../../ground/config/index.ts";
import { defaultNetworkName, instanceNames } from "../../../services/network/index.ts";
import { field, interfaceTraces } from "./interfaces.ts";
import { ruleTraces } from "./network-rules.ts";
import { idsIn, type Trace } from "./trace.ts";

/** What CNI plugins and berthd store about pods' networks. Throws the errors of `iptables-save`. */
export async function networkTraces(
  { root, network }: Config,
  signal: AbortSignal,
): Promise<readonly Trace[]> {
  const own = { name: defaultNetworkName, dataDir: join(root, "default-network") };
  const configs = [own, ...(await readConfigs(network.confDir))];
  const attached = await attachments(join(root, "network"));
  const parts = await Promise.all([
    attached,
    interfaceTraces(
      attached.map(({ where }) => where),
      signal,
    ),
    ruleTraces(instanceNames(root).table, signal),
    ...configs.map(reservations),
  ]);
  return parts.flat();
}

async function attachments(directory: string): Promise<readonly Trace[]> {
  const removal = "berthd retries DEL by itself; reinstall the plugin that its log names";
  return (await readdirIfThere(directory)).map((name) => ({
    kind: "attachments with a pending DEL",
    ids: idsIn(name),
    where: join(directory, name),
    removal,
  }));
}

/**
 * The files of host-local: each is named after an address, and its first line is the id of the sandbox that
 * has it.
 */
async function reservations({ name, dataDir }: HostLocal): Promise<readonly Trace[]> {
  const directory = join(dataDir, name);
  const files = (await readdirIfThere(directory)).filter((file) => /^[0-9a-f]+[.:]/.test(file));
  return Promise.all(
    files.map(async (file): Promise<Trace> => {
      const where = join(directory, file);
      // A file that was removed meanwhile counts as empty.
      const text = await readFile(where, "utf8").catch(() => "");
      return { kind: "address reservations", ids: idsIn(text), where, removal: `rm ${where}` };
    }),
  );
}

type HostLocal = { readonly name: string; readonly dataDir: string };

/** The networks in the directory, with the directory where host-local stores their addresses. */
async function readConfigs(directory: string): Promise<readonly HostLocal[]> {
  const files = (await readdirIfThere(directory)).filter((name) => /\.(conflist|conf|json)$/.test(name));
  const texts = await Promise.all(
    files.map((file) => readFile(join(directory, file), "utf8").catch(() => "")),
  );
  return texts.flatMap(hostLocalOf);
}

/**
 * Empty for an invalid file, which the check of CNI reports. A single plugin's configuration has its address
 * management at the top level.
 */
function hostLocalOf(text: string): readonly HostLocal[] {
  try {
    const config: unknown = JSON.parse(text);
    const name = field(config, "name");
    if (typeof name !== "string" || !/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) return [];
    const listed = field(config, "plugins");
    const plugins: readonly unknown[] = Array.isArray(listed) ? listed : [config];
    const places = plugins.map((plugin) => field(field(plugin, "ipam"), "dataDir"));
    const dataDir = places.find((place) => typeof place === "string") ?? "/var/lib/cni/networks";
    return [{ name, dataDir }];
  } catch {
    return [];
  }
}

async function readdirIfThere(directory: string): Promise<readonly string[]> {
  return readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
}
