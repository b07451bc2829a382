import { createHash, randomBytes } from "node:crypto";
import { type IpNetwork, isWithin, parseIpNetwork } from "./builtin/ip-address.ts";

/** Subnets of the default network; `ipv6` is set even if this machine has no IPv6. */
export type DefaultSubnets = { readonly ipv4: IpNetwork; readonly ipv6: IpNetwork };

/** Private ranges that container engines, clusters and home routers rarely use. */
const candidates: readonly string[] = [
  ...Array.from({ length: 40 }, (_, index) => `10.${200 + index}.0.0/16`),
  ...Array.from({ length: 8 }, (_, index) => `172.${24 + index}.0.0/16`),
  ...Array.from({ length: 16 }, (_, index) => `192.168.${index * 16}.0/20`),
];

/**
 * Shorter prefixes, such as a VPN's two halves of the Internet, are ignored: otherwise no subnet would be
 * free.
 */
const shortestPrefix = { 4: 8, 6: 7 };

/**
 * Unused subnets. The IPv4 subnet is the first free one of a list whose start depends on `seed`, so that
 * daemons that choose at the same time differ; the IPv6 subnet is random (RFC 4193, section 3.2.2). Undefined
 * if no IPv4 subnet is free.
 */
export function chooseSubnets(used: readonly IpNetwork[], seed: string): DefaultSubnets | undefined {
  const start = createHash("sha256").update(seed).digest().readUInt32LE() % candidates.length;
  const ipv4 = [...candidates.slice(start), ...candidates.slice(0, start)]
    .map((text) => parseIpNetwork(text))
    .find((subnet) => subnet !== undefined && conflictsOf(used, subnet).length === 0);
  return ipv4 === undefined ? undefined : { ipv4, ipv6: randomSubnet() };
}

/** The used prefixes that conflict with a subnet. */
export function conflictsOf(used: readonly IpNetwork[], subnet: IpNetwork): readonly IpNetwork[] {
  return used.filter((other) => isNarrow(other) && overlap(subnet, other));
}

function isNarrow({ address, prefixLength }: IpNetwork): boolean {
  return prefixLength >= shortestPrefix[address.family];
}

/** Whether the two have an address in common. */
export function overlap(one: IpNetwork, other: IpNetwork): boolean {
  return isWithin(one.address, other) || isWithin(other.address, one);
}

/** fd00::/8, forty random bits, and a random subnet number. */
function randomSubnet(): IpNetwork {
  const prefix = BigInt(`0xfd${randomBytes(7).toString("hex")}`);
  return { address: { family: 6, value: prefix << 64n }, prefixLength: 64 };
}
