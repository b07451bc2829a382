import { isRecord, type JsonObject } from "../../../ground/json/index.ts";
import { type IpAddress, parseIp, parseIpNetwork } from "./ip-address.ts";
import { PluginFailure } from "./plugin-failure.ts";
import { addressesAfter, describeSet, parseRanges, type RangeSet } from "./ranges.ts";
import { type AddressOwner, Reservations } from "./reservations.ts";
import type { ResultIp, ResultRoute } from "./result.ts";

const defaultDirectory = "/var/lib/cni/networks";

/** The plugin program holds the lock while it reads a few files. */
const lockTimeoutMs = 10_000;

type Addresses = { readonly ips: readonly ResultIp[]; readonly routes: readonly ResultRoute[] };

/**
 * Allocates one address of each range set to a pod, round robin, with the configured routes, as the program
 * host-local does. Throws PluginFailure if the configuration is wrong or all addresses are taken.
 */
export async function allocateAddresses(
  network: string,
  ipam: JsonObject,
  owner: AddressOwner,
): Promise<Addresses> {
  const sets = parseRanges(ipam);
  const routes = parseRoutes(ipam.routes);
  using reservations = await Reservations.open(directoryOf(network, ipam), lockTimeoutMs);
  const ips: ResultIp[] = [];
  try {
    for (const [index, set] of sets.entries()) ips.push(allocate(reservations, set, index, owner));
  } catch (error) {
    reservations.release(ips.map(addressOf), owner);
    throw error;
  }
  return { ips, routes };
}

/** Frees a pod's addresses: the known ones, or if none are known, all that are found. */
export async function releaseAddresses(
  network: string,
  ipam: JsonObject,
  owner: AddressOwner,
  known: readonly IpAddress[],
): Promise<void> {
  using reservations = await Reservations.open(directoryOf(network, ipam), lockTimeoutMs);
  if (known.length > 0) reservations.release(known, owner);
  else reservations.releaseAll(owner);
}

/** Frees all of a network's addresses except those of these pods. */
export async function keepAddressesOf(
  network: string,
  ipam: JsonObject,
  owners: readonly AddressOwner[],
): Promise<void> {
  using reservations = await Reservations.open(directoryOf(network, ipam), lockTimeoutMs);
  reservations.keepOnly(owners);
}

function allocate(reservations: Reservations, set: RangeSet, index: number, owner: AddressOwner): ResultIp {
  for (const { address, range } of addressesAfter(set, reservations.lastReserved(index))) {
    if (!reservations.reserve(address, owner, index)) continue;
    const { prefixLength } = range.subnet;
    return { address: { address, prefixLength }, gateway: range.gateway, interface: undefined };
  }
  throw new PluginFailure(
    `failed to allocate for range ${index}: no IP addresses available in range set: ${describeSet(set)}`,
  );
}

function addressOf({ address }: ResultIp): IpAddress {
  return address.address;
}

function directoryOf(network: string, { dataDir }: JsonObject): string {
  const parent = typeof dataDir === "string" && dataDir !== "" ? dataDir : defaultDirectory;
  return `${parent}/${network}`;
}

/** The routes in an IPAM configuration. Throws PluginFailure. */
export function parseRoutes(value: unknown): readonly ResultRoute[] {
  const entries = Array.isArray(value) ? value : [];
  return entries.map((entry) => {
    const { dst, gw } = isRecord(entry) ? entry : {};
    const destination = parseIpNetwork(dst);
    if (destination === undefined) throw new PluginFailure(`invalid route to ${JSON.stringify(dst)}`);
    return { destination, gateway: gatewayOf(gw) };
  });
}

/** An empty gateway counts as none, as for the programs. Throws PluginFailure. */
export function gatewayOf(value: unknown): IpAddress | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  const gateway = parseIp(value);
  if (gateway === undefined) throw new PluginFailure(`invalid gateway ${JSON.stringify(value)}`);
  return gateway;
}
