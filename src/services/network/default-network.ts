import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { isErrno } from "../../ground/fs/index.ts";
import { isRecord } from "../../ground/json/index.ts";
import { publishedKey } from "./builtin/firewall.ts";
import { formatNetwork, type IpNetwork, parseIpNetwork } from "./builtin/ip-address.ts";
import { readSetting } from "./builtin/settings.ts";
import { chooseSubnets, type DefaultSubnets } from "./default-subnets.ts";
import type { NetworkConfig } from "./network-config.ts";
import { NetworkError } from "./network-error.ts";

/**
 * Also the name of the directory below {@link DefaultNetworkOptions.directory} for its address reservations.
 */
export const defaultNetworkName = "berth";

export type DefaultNetworkOptions = {
  /** For its subnets and reserved addresses; must survive a reboot. Created on demand. */
  readonly directory: string;
  readonly bridge: string;
  /** Prefixes that this machine has addresses in, or routes to, except for the bridge's. */
  readonly usedPrefixes: () => Promise<readonly IpNetwork[]>;
};

/**
 * The network of pods if none is configured: a bridge with masquerading, with IPv4 and, if the machine has
 * it, IPv6. Its subnets are chosen on first use and stored. Throws NetworkError: FailedPrecondition (no
 * subnet is free), DataLoss (the stored subnets cannot be read).
 */
export async function defaultNetwork(options: DefaultNetworkOptions): Promise<NetworkConfig> {
  return configOf((await keptSubnets(options.directory)) ?? (await choose(options)), options);
}

/** The same, if it was ever used; otherwise undefined. */
export async function keptDefaultNetwork(options: DefaultNetworkOptions): Promise<NetworkConfig | undefined> {
  const subnets = await keptSubnets(options.directory);
  return subnets === undefined ? undefined : configOf(subnets, options);
}

/**
 * The chosen subnets; undefined before. Throws NetworkError: DataLoss if the file is invalid,
 * FailedPrecondition if it cannot be read now.
 */
export async function keptSubnets(directory: string): Promise<DefaultSubnets | undefined> {
  const path = pathOf(directory);
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    if (isErrno(cause, "ENOENT")) return undefined;
    throw new NetworkError("FailedPrecondition", `reading the subnets of the default network in ${path}`, {
      cause,
    });
  });
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    const { ipv4, ipv6 } = isRecord(value) ? value : {};
    const [four, six] = [parseIpNetwork(ipv4), parseIpNetwork(ipv6)];
    if (four?.address.family === 4 && six?.address.family === 6) return { ipv4: four, ipv6: six };
    throw new Error('"ipv4" or "ipv6" is not a subnet');
  } catch (cause) {
    const remedy = `stop the pods of the default network and remove ${directory}, so that new ones are chosen`;
    throw new NetworkError(
      "DataLoss",
      `the subnets of the default network in ${path} cannot be understood; ${remedy}`,
      {
        cause,
      },
    );
  }
}

/** They are on disk before the first address is allocated. */
async function choose({ directory, bridge, usedPrefixes }: DefaultNetworkOptions): Promise<DefaultSubnets> {
  const subnets = chooseSubnets(await usedPrefixes(), bridge);
  if (subnets === undefined) {
    throw new NetworkError(
      "FailedPrecondition",
      "there can be no default network: this machine has addresses or routes in all private IPv4 ranges; configure a network",
    );
  }
  const { ipv4, ipv6 } = subnets;
  const path = pathOf(directory);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  {
    await using file = await open(`${path}.new`, "w", 0o600);
    await file.writeFile(`${JSON.stringify({ ipv4: formatNetwork(ipv4), ipv6: formatNetwork(ipv6) })}\n`);
    await file.sync();
  }
  await rename(`${path}.new`, path);
  for (const each of [directory, dirname(directory)]) {
    await using parent = await open(each);
    await parent.sync();
  }
  return subnets;
}

function configOf(
  { ipv4, ipv6 }: DefaultSubnets,
  { bridge, directory }: DefaultNetworkOptions,
): NetworkConfig {
  const subnets = hasIpv6() ? [ipv4, ipv6] : [ipv4];
  const ranges = subnets.map((subnet) => [{ subnet: formatNetwork(subnet) }]);
  const ipam = { type: "host-local", dataDir: directory, ranges };
  return {
    name: defaultNetworkName,
    cniVersion: "1.1.0",
    disableGC: false,
    isDefault: true,
    plugins: [
      { type: "bridge", bridge, isDefaultGateway: true, ipMasq: true, hairpinMode: true, ipam },
      { type: "portmap", capabilities: { portMappings: true } },
      { type: "firewall", [publishedKey]: true },
    ],
  };
}

/** Whether the machine has IPv6: false if it is disabled for all interfaces or for new ones. */
export function hasIpv6(): boolean {
  return ["all", "default"].every((name) => readSetting(`net/ipv6/conf/${name}/disable_ipv6`) === "0");
}

function pathOf(directory: string): string {
  return `${directory}/subnets.json`;
}
