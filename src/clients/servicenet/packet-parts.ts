/** Expressions of rules for packets of both IP families. */
import { nft } from "../../ground/linux/index.ts";
import {
  type IpAddress,
  type IpNetwork,
  ipBytes,
  maskBytes,
  networkAddress,
} from "../../services/network/index.ts";

export type IpFamily = IpAddress["family"];

/** The kernel's numbers AF_INET and AF_INET6, and the positions of addresses in the headers. */
export const ipFamilies = {
  4: { number: 2, source: 12, destination: 16, addressBytes: 4, field: "ipv4" },
  6: { number: 10, source: 8, destination: 24, addressBytes: 16, field: "ipv6" },
} as const;

type End = "source" | "destination";

/** Number of registers that an address fills. */
export function addressRegisters(family: IpFamily): number {
  return ipFamilies[family].addressBytes / 4;
}

export function ofFamily(family: IpFamily): readonly nft.Expression[] {
  return [nft.loadMeta("family", 0), nft.equals(0, Buffer.of(ipFamilies[family].number))];
}

export function loadAddress(family: IpFamily, end: End, register: number): nft.Expression {
  const { addressBytes, [end]: offset } = ipFamilies[family];
  return nft.loadHeader("network", offset, addressBytes, register);
}

/** Loads the protocol and its destination port. */
export function loadPort(register: number): readonly nft.Expression[] {
  return [nft.loadMeta("protocol", register), nft.loadHeader("transport", 2, 2, register + 1)];
}

export function from(network: IpNetwork): readonly nft.Expression[] {
  return within(network, "source");
}

export function to(network: IpNetwork): readonly nft.Expression[] {
  return within(network, "destination");
}

function within(network: IpNetwork, end: End): readonly nft.Expression[] {
  const { family } = network.address;
  return [
    ...ofFamily(family),
    loadAddress(family, end, 0),
    nft.maskRegister(0, maskBytes(network), Buffer.alloc(ipFamilies[family].addressBytes)),
    nft.equals(0, ipBytes(networkAddress(network))),
  ];
}

/** Matches a destination address of this machine (RTN_LOCAL). */
export const toThisMachine = [nft.loadDestinationType(0), nft.equals(0, numberBytes(2))];

/** Matches a connection whose destination was translated (IPS_DST_NAT). */
export const wasSentOn = [
  nft.loadConnectionStatus(0),
  nft.maskRegister(0, numberBytes(0x20), numberBytes(0)),
  nft.equals(0, numberBytes(0x20)),
];

export function interfaceName(name: string): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.write(name);
  return bytes;
}

/** A number in the kernel's byte order. */
export function numberBytes(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}
