import { isIPv4, isIPv6 } from "node:net";

/** An address of either family as a number, for ranges; an IPv4-mapped IPv6 address counts as IPv4. */
export type IpAddress = { readonly family: 4 | 6; readonly value: bigint };

/** An address and the length of its network prefix. */
export type IpNetwork = { readonly address: IpAddress; readonly prefixLength: number };

const bitsOf = { 4: 32, 6: 128 } as const;
/** ::ffff:0:0/96 */
const mappedPrefix = 0xffffn;

/** Undefined if it is not an address. */
export function parseIp(text: unknown): IpAddress | undefined {
  if (typeof text !== "string" || text.includes("%")) return undefined;
  if (isIPv4(text)) return { family: 4, value: valueOfIpv4(text) };
  if (!isIPv6(text)) return undefined;
  const value = valueOfIpv6(text);
  return value >> 32n === mappedPrefix ? { family: 4, value: value & 0xffff_ffffn } : { family: 6, value };
}

/** Parses "10.87.0.0/24"; undefined if it is invalid. */
export function parseIpNetwork(text: unknown): IpNetwork | undefined {
  if (typeof text !== "string") return undefined;
  const [ip = "", prefix = "", ...rest] = text.split("/");
  const address = parseIp(ip);
  if (address === undefined || rest.length > 0 || !/^\d{1,3}$/.test(prefix)) return undefined;
  const prefixLength = Number(prefix);
  return prefixLength <= bitsOf[address.family] ? { address, prefixLength } : undefined;
}

/** In the form of RFC 5952, as Go prints addresses: reservation files are named so. */
export function formatIp({ family, value }: IpAddress): string {
  return family === 4 ? [...bytesOf(value, 4)].join(".") : formatIpv6(value);
}

export function formatNetwork({ address, prefixLength }: IpNetwork): string {
  return `${formatIp(address)}/${prefixLength}`;
}

/** Four or sixteen bytes, as the kernel takes them. */
export function ipBytes({ family, value }: IpAddress): Buffer {
  return bytesOf(value, bitsOf[family] / 8);
}

/** The same for a network's mask. */
export function maskBytes({ address, prefixLength }: IpNetwork): Buffer {
  return bytesOf(maskOf({ address, prefixLength }), bitsOf[address.family] / 8);
}

export function ipOfBytes(bytes: Uint8Array): IpAddress {
  const value = BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
  return { family: bytes.length === 4 ? 4 : 6, value };
}

/** The network's own address: all other bits are 0. */
export function networkAddress(network: IpNetwork): IpAddress {
  const { address } = network;
  return { family: address.family, value: address.value & maskOf(network) };
}

/** The highest address of a network; of IPv4 that is the broadcast address. */
export function lastAddress(network: IpNetwork): IpAddress {
  const { family } = network.address;
  const hosts = (1n << BigInt(bitsOf[family] - network.prefixLength)) - 1n;
  return { family, value: networkAddress(network).value | hosts };
}

export function plus({ family, value }: IpAddress, count: bigint): IpAddress {
  return { family, value: value + count };
}

export function sameIp(one: IpAddress, other: IpAddress): boolean {
  return one.family === other.family && one.value === other.value;
}

export function isWithin(address: IpAddress, network: IpNetwork): boolean {
  return (
    address.family === network.address.family &&
    (address.value & maskOf(network)) === networkAddress(network).value
  );
}

function maskOf({ address, prefixLength }: IpNetwork): bigint {
  const bits = bitsOf[address.family];
  const hostBits = BigInt(bits - prefixLength);
  return ((1n << BigInt(bits)) - 1n) ^ ((1n << hostBits) - 1n);
}

function bytesOf(value: bigint, count: number): Buffer {
  return Buffer.from(value.toString(16).padStart(count * 2, "0"), "hex");
}

function valueOfIpv4(text: string): bigint {
  return BigInt(`0x${Buffer.from(text.split(".").map(Number)).toString("hex")}`);
}

/** Two groups of sixteen bits may be written as an IPv4 address; "::" stands for those left out. */
function valueOfIpv6(text: string): bigint {
  const groups = (part: string) => (part === "" ? [] : part.split(":").flatMap(groupsOf));
  const [left = "", right] = text.split("::");
  const head = groups(left);
  const tail = right === undefined ? [] : groups(right);
  const missing = new Array<string>(8 - head.length - tail.length).fill("0");
  const all = [...head, ...missing, ...tail].map((group) => group.padStart(4, "0"));
  return BigInt(`0x${all.join("")}`);
}

function groupsOf(group: string): readonly string[] {
  if (!group.includes(".")) return [group];
  const hex = valueOfIpv4(group).toString(16).padStart(8, "0");
  return [hex.slice(0, 4), hex.slice(4)];
}

/** The longest run of two groups or more of 0, the first of equals, is left out. */
function formatIpv6(value: bigint): string {
  const groups = (bytesOf(value, 16).toString("hex").match(/.{4}/g) ?? []).map((group) =>
    parseInt(group, 16),
  );
  let best = { start: 0, length: 1 };
  for (let start = 0; start < groups.length; start++) {
    const end = groups.findIndex((group, index) => index >= start && group !== 0);
    const length = (end === -1 ? groups.length : end) - start;
    if (length > best.length) best = { start, length };
  }
  const hex = groups.map((group) => group.toString(16));
  if (best.length === 1) return hex.join(":");
  return `${hex.slice(0, best.start).join(":")}::${hex.slice(best.start + best.length).join(":")}`;
}
