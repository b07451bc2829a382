import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { makeDirectories } from "../../ground/directories/index.ts";
import { readIfThere } from "../../ground/fs/index.ts";
import {
  addAddress,
  addBridge,
  linkByName,
  listAddresses,
  type NetlinkSocket,
  setLink,
} from "../../ground/linux/index.ts";
import {
  chooseSubnets,
  formatIp,
  formatNetwork,
  hasIpv6,
  type IpAddress,
  type IpNetwork,
  ipBytes,
  networkAddress,
  parseIpNetwork,
  plus,
  usedPrefixes,
} from "../../services/network/index.ts";

/** The tenth address of a subnet, as is customary in clusters. */
export function resolverAddress(subnet: IpNetwork): IpAddress {
  return plus(networkAddress(subnet), 10n);
}

/**
 * The subnets of services, for IPv4 and, if the machine has it, IPv6. Those stored at `path` are kept, since
 * running pods know addresses in them; otherwise, they are chosen so that the machine does not use them.
 * Throws Error if none is free.
 */
export async function subnetsOf(
  route: NetlinkSocket,
  name: string,
  path: string | undefined,
): Promise<readonly IpNetwork[]> {
  const kept = path === undefined ? [] : parseSubnets((await readIfThere(path)) ?? "");
  const of = (family: 4 | 6) => kept.find(({ address }) => address.family === family);
  const [ipv4, ipv6] = [of(4), of(6)];
  if (ipv4 !== undefined && !hasIpv6()) return [ipv4];
  if (ipv4 !== undefined && ipv6 !== undefined) return [ipv4, ipv6];
  const free = chooseSubnets(usedPrefixes(route, name), name);
  if (free === undefined) throw new Error("this machine has addresses or routes in all private IPv4 ranges");
  const chosen = [ipv4 ?? free.ipv4, ...(hasIpv6() ? [ipv6 ?? free.ipv6] : [])];
  if (path !== undefined) await keep(path, chosen);
  return chosen;
}

function parseSubnets(lines: string): readonly IpNetwork[] {
  return lines.split("\n").flatMap((line) => parseIpNetwork(line.trim()) ?? []);
}

/** Stored durably before any pod knows an address in them. */
async function keep(path: string, subnets: readonly IpNetwork[]): Promise<void> {
  await makeDirectories(dirname(path), 0o700);
  {
    await using file = await open(`${path}.new`, "w", 0o600);
    await file.writeFile(subnets.map((subnet) => `${formatNetwork(subnet)}\n`).join(""));
    await file.sync();
  }
  await rename(`${path}.new`, path);
  await using parent = await open(dirname(path));
  await parent.sync();
}

/** Creates the link with the resolver's addresses, as far as it is missing. Throws LinuxError. */
export function makeLink(route: NetlinkSocket, name: string, subnets: readonly IpNetwork[]): void {
  if (linkByName(route, name) === undefined) addBridge(route, name, 0);
  const link = linkByName(route, name);
  if (link === undefined) throw new Error(`link ${name} disappeared as soon as it was created`);
  const there = listAddresses(route, link);
  for (const subnet of subnets) {
    const address = ipBytes(resolverAddress(subnet));
    if (there.some((one) => Buffer.compare(one.address, address) === 0)) continue;
    // Nobody else on the link can have the address, and without a port, the kernel's duplicate detection
    // would never finish.
    addAddress(route, link, { address, prefixLength: subnet.prefixLength }, { isUnique: true });
  }
  if (!link.isUp) setLink(route, link, { up: true });
}

/** An address for services: above the resolver's; for IPv6, the same number of addresses as in a /16. */
export function addressAt(subnet: IpNetwork, index: number): string {
  const first = 11;
  const hostBits = subnet.address.family === 4 ? 32 - subnet.prefixLength : 16;
  const count = 2 ** hostBits - first - 1;
  return formatIp(plus(networkAddress(subnet), BigInt(first + (index % count))));
}
