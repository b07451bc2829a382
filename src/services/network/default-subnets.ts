import { createHash, randomBytes } from "node:crypto";
import { type IpNetwork, isWithin, parseIpNetwork } from "./builtin/ip-address.ts";

/** Of the default network; `ipv6` is there whether this machine has IPv6 or not. */
export type DefaultSubnets = { readonly ipv4: IpNetwork; readonly ipv6: IpNetwork };

/** Private ranges that container engines, clusters and home routers take last, if at all. */
const candidates: readonly string[] = [
  ...Array.from({ length: 40 }, (_, index) => `10.${200 + index}.0.0/16`),
  ...Array.from({ length: 8 }, (_, index) => `172.${24 + index}.0.0/16`),
  ...Array.from({ length: 16 }, (_, index) => `192.168.${index * 16}.0/20`),
];

/** Shorter prefixes are ways to the rest of the world, as a VPN splits it: nothing is free of these. */
const shortestPrefix = { 4: 8, 6: 7 };

/**
 * Subnets of which nothing is used. The IPv4 subnet is the first free one of a list, which begins at another
 * place for each `seed`, so that daemons that choose at the same time differ; that of IPv6 is random (RFC
 * 4193, section 3.2.2). Undefined where no IPv4 subnet is free.
 */
export function chooseSubnets(used: readonly IpNetwork[], seed: string): DefaultSubnets | undefined {
  const start = createHash("sha256").update(seed).digest().readUInt32LE() % candidates.length;
  const ipv4 = [...candidates.slice(start), ...candidates.slice(0, start)]
    .map((text) => parseIpNetwork(text))
    .find((subnet) => subnet !== undefined && conflictsOf(used, subnet).length === 0);
  return ipv4 === undefined ? undefined : { ipv4, ipv6: randomSubnet() };
}

/** Of what is used, that which addresses of a subnet would be confused with. */
export function conflictsOf(used: readonly IpNetwork[], subnet: IpNetwork): readonly IpNetwork[] {
  return used.filter((other) => isNarrow(other) && overlap(subnet, other));
}

function isNarrow({ address, prefixLength }: IpNetwork): boolean {
  return prefixLength >= shortestPrefix[address.family];
}

/** Whether any address is in both. */
export function overlap(one: IpNetwork, other: IpNetwork): boolean {
  return isWithin(one.address, other) || isWithin(other.address, one);
}

/** fd00::/8, forty random bits, and a subnet number that is random too. */
function randomSubnet(): IpNetwork {
  const prefix = BigInt(`0xfd${randomBytes(7).toString("hex")}`);
  return { address: { family: 6, value: prefix << 64n }, prefixLength: 64 };
}
