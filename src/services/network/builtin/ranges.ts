import { isRecord, type JsonObject } from "../../../ground/json/index.ts";
import {
  formatIp,
  formatNetwork,
  type IpAddress,
  type IpNetwork,
  isWithin,
  lastAddress,
  networkAddress,
  parseIp,
  parseIpNetwork,
  plus,
  sameIp,
} from "./ip-address.ts";
import { PluginFailure } from "./plugin-failure.ts";

/** Addresses from `start` to `end`, both included, except for the gateway. */
export type Range = {
  readonly subnet: IpNetwork;
  readonly start: IpAddress;
  readonly end: IpAddress;
  readonly gateway: IpAddress;
};

/** Ranges of one family; a pod gets one address of each set. At least one. */
export type RangeSet = readonly [Range, ...Range[]];

/**
 * The range sets in host-local's configuration: a single range, then those of `ranges`
 * (https://www.cni.dev/plugins/current/ipam/host-local/). Throws PluginFailure that says what is wrong.
 */
export function parseRanges(ipam: JsonObject): readonly RangeSet[] {
  const single = ipam.subnet === undefined ? [] : [[ipam]];
  const listed = Array.isArray(ipam.ranges) ? ipam.ranges : [];
  const sets = [...single, ...listed].map(parseSet);
  if (sets.length === 0) throw new PluginFailure("no IP ranges specified");
  refuseOverlaps(sets);
  return sets;
}

/** The range of the set that contains the address. */
export function rangeOf(set: RangeSet, address: IpAddress): Range | undefined {
  return set.find((range) => isInRange(address, range));
}

export function describeSet(set: RangeSet): string {
  return set.map(({ start, end }) => `${formatIp(start)}-${formatIp(end)}`).join(",");
}

/**
 * Every address of a set once, starting after `last` if that is in the set, otherwise with the first. `last`
 * itself comes at the end.
 */
export function* addressesAfter(
  set: RangeSet,
  last: IpAddress | undefined,
): Generator<{ readonly address: IpAddress; readonly range: Range }, void, undefined> {
  const found = last === undefined ? -1 : set.findIndex((range) => isInRange(last, range));
  const first = Math.max(found, 0);
  const startFrom = found === -1 || last === undefined ? undefined : plus(last, 1n);
  for (let turn = 0; turn <= set.length; turn++) {
    const range = set[(first + turn) % set.length];
    if (range === undefined) return;
    const from = turn === 0 ? (startFrom ?? range.start) : range.start;
    const to = turn === set.length && startFrom !== undefined && last !== undefined ? last : range.end;
    if (turn === set.length && startFrom === undefined) return;
    for (let address = from; address.value <= to.value; address = plus(address, 1n))
      if (!sameIp(address, range.gateway)) yield { address, range };
  }
}

function parseSet(value: unknown, index: number): RangeSet {
  const wrong = (why: string) => new PluginFailure(`invalid range set ${index}: ${why}`);
  if (!Array.isArray(value)) throw wrong("it is not a list");
  const [first, ...rest] = value.map((range) => parseRange(range, wrong));
  if (first === undefined) throw wrong("empty range set");
  if (rest.some(({ subnet }) => subnet.address.family !== first.subnet.address.family))
    throw wrong("mixed address families");
  const set: RangeSet = [first, ...rest];
  for (const [place, one] of set.entries())
    for (const other of set.slice(place + 1))
      if (overlap(one, other))
        throw wrong(`subnets ${describeSet([one])} and ${describeSet([other])} overlap`);
  return set;
}

function parseRange(value: unknown, wrong: (why: string) => Error): Range {
  const fields = isRecord(value) ? value : {};
  const subnet = parseIpNetwork(fields.subnet);
  if (subnet === undefined) throw wrong(`invalid subnet ${JSON.stringify(fields.subnet)}`);
  const text = formatNetwork(subnet);
  const { family } = subnet.address;
  if (subnet.prefixLength > (family === 4 ? 30 : 126))
    throw wrong(`Network ${text} too small to allocate from`);
  if (!sameIp(networkAddress(subnet), subnet.address)) {
    throw wrong(
      `Network has host bits set. For a subnet mask of length ${subnet.prefixLength} the network address is ${formatIp(networkAddress(subnet))}`,
    );
  }
  const address = (name: "gateway" | "rangeStart" | "rangeEnd", otherwise: IpAddress): IpAddress => {
    const given = fields[name];
    if (given === undefined || given === null || given === "") return otherwise;
    const parsed = parseIp(given);
    if (parsed === undefined) throw wrong(`invalid ${name} ${JSON.stringify(given)}`);
    if (name !== "gateway" && !isWithin(parsed, subnet))
      throw wrong(`${name} ${formatIp(parsed)} not in network ${text}`);
    return parsed;
  };
  const first = plus(subnet.address, 1n);
  // IPv4's broadcast address is not allocated.
  const last = plus(lastAddress(subnet), family === 4 ? -1n : 0n);
  const range = {
    subnet,
    gateway: address("gateway", first),
    start: address("rangeStart", first),
    end: address("rangeEnd", last),
  };
  if (range.end.value < range.start.value)
    throw wrong(`rangeEnd ${formatIp(range.end)} is before rangeStart ${formatIp(range.start)}`);
  return range;
}

function refuseOverlaps(sets: readonly RangeSet[]): void {
  for (const [index, one] of sets.entries())
    for (const [further, other] of sets.slice(index + 1).entries())
      if (one.some((range) => other.some((second) => overlap(range, second))))
        throw new PluginFailure(`range set ${index} overlaps with ${index + 1 + further}`);
}

function overlap(one: Range, other: Range): boolean {
  return (
    one.subnet.address.family === other.subnet.address.family &&
    one.start.value <= other.end.value &&
    other.start.value <= one.end.value
  );
}

function isInRange(address: IpAddress, { subnet, start, end }: Range): boolean {
  return (
    address.family === subnet.address.family && address.value >= start.value && address.value <= end.value
  );
}
