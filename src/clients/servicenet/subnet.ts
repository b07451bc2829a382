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
  type IpAddress,
  type IpNetwork,
  ipBytes,
  networkAddress,
  parseIpNetwork,
  plus,
  usedPrefixes,
} from "../../services/network/index.ts";

/** As clusters have it by custom: the tenth address of the subnet. */
export function resolverAddress(subnet: IpNetwork): IpAddress {
  return plus(networkAddress(subnet), 10n);
}

/**
 * The subnet of services: as it was chosen before, where that is kept at `path`, since running pods know
 * addresses of it; else one of which the machine uses nothing. Throws Error where none is free.
 */
export async function subnetOf(
  route: NetlinkSocket,
  name: string,
  path: string | undefined,
): Promise<IpNetwork> {
  const kept = path === undefined ? undefined : parseIpNetwork((await readIfThere(path))?.trim());
  if (kept?.address.family === 4) return kept;
  const chosen = chooseSubnets(usedPrefixes(route, name), name)?.ipv4;
  if (chosen === undefined)
    throw new Error("this machine has addresses or routes in all private IPv4 ranges");
  if (path !== undefined) await keep(path, chosen);
  return chosen;
}

/** On the disk before any pod knows an address of it. */
async function keep(path: string, subnet: IpNetwork): Promise<void> {
  await makeDirectories(dirname(path), 0o700);
  {
    await using file = await open(`${path}.new`, "w", 0o600);
    await file.writeFile(`${formatNetwork(subnet)}\n`);
    await file.sync();
  }
  await rename(`${path}.new`, path);
  await using parent = await open(dirname(path));
  await parent.sync();
}

/** Makes the link that has the resolver's address, as far as it is not there. Throws LinuxError. */
export function makeLink(route: NetlinkSocket, name: string, subnet: IpNetwork): void {
  if (linkByName(route, name) === undefined) addBridge(route, name, 0);
  const link = linkByName(route, name);
  if (link === undefined) throw new Error(`link ${name} has gone as soon as it was made`);
  const address = ipBytes(resolverAddress(subnet));
  if (!listAddresses(route, link).some((one) => Buffer.compare(one.address, address) === 0))
    addAddress(route, link, { address, prefixLength: subnet.prefixLength });
  if (!link.isUp) setLink(route, link, { up: true });
}

/** Addresses that services may have: not the resolver's, nor those before it. */
export function addressAt(subnet: IpNetwork, index: number): string {
  const first = 11;
  const count = 2 ** (32 - subnet.prefixLength) - first - 1;
  return formatIp(plus(networkAddress(subnet), BigInt(first + (index % count))));
}
