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

/** Also the directory below {@link DefaultNetworkOptions.directory} in which its addresses are reserved. */
export const defaultNetworkName = "berth";

export type DefaultNetworkOptions = {
  /** Where its subnets and reserved addresses are kept; it must outlive a reboot. Made when there is need. */
  readonly directory: string;
  readonly bridge: string;
  /** What this machine has addresses of, or routes to, but for the bridge's. */
  readonly usedPrefixes: () => Promise<readonly IpNetwork[]>;
};

/**
 * The network that pods get where none is configured: a bridge that masquerades, with IPv4 and, where the
 * machine has it, IPv6. Its subnets are chosen when it is first needed, and kept from then on. Throws
 * NetworkError: FailedPrecondition (no subnet is free), DataLoss (what was kept cannot be read).
 */
export async function defaultNetwork(options: DefaultNetworkOptions): Promise<NetworkConfig> {
  return configOf((await keptSubnets(options.directory)) ?? (await choose(options)), options);
}

/** The same, if it was ever needed; else undefined. */
export async function keptDefaultNetwork(options: DefaultNetworkOptions): Promise<NetworkConfig | undefined> {
  const subnets = await keptSubnets(options.directory);
  return subnets === undefined ? undefined : configOf(subnets, options);
}

/**
 * The subnets that were chosen; undefined before. Throws NetworkError: DataLoss for a file that does not say
 * them, FailedPrecondition for one that cannot be read now.
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

/** On the disk before anybody gets an address of them. */
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

/** Whether the machine has IPv6: not where it is switched off, for all interfaces or for new ones. */
export function hasIpv6(): boolean {
  return ["all", "default"].every((name) => readSetting(`net/ipv6/conf/${name}/disable_ipv6`) === "0");
}

function pathOf(directory: string): string {
  return `${directory}/subnets.json`;
}
