import { nft } from "../../../ground/linux/index.ts";
import { formatNetwork, type IpNetwork, ipBytes, maskBytes, networkAddress } from "./ip-address.ts";

/**
 * Marks packets to a host port that come from this machine or from the pod's own network: without
 * masquerading, their replies would not come back this way. The program portmap uses the same bit.
 */
const markBit = 0x2000;

/** nf_tables' numbers of the families, and the offsets of addresses in their headers. */
export const families = {
  4: { number: 2, source: 12, destination: 16, addressBytes: 4, multicast: { bits: 4, first: 0xe0 } },
  6: { number: 10, source: 8, destination: 24, addressBytes: 16, multicast: { bits: 8, first: 0xff } },
} as const;

export type Family = keyof typeof families;

const addressType = { 4: "ipv4", 6: "ipv6" } as const;

/** Pods' addresses whose packets are masqueraded, with the chain of their subnet. */
export const masqueradeMap = (family: Family) => `masquerade${family}`;
/** Host ports on all addresses of the machine, and their destinations. */
export const portMap = (family: Family) => `ports${family}`;
/** Host ports on one address of the machine. */
export const addressPortMap = (family: Family) => `address_ports${family}`;

/** Pods' addresses whose packets may be forwarded, whatever the machine's filter says otherwise. */
export const admittedSet = (family: Family) => `admitted${family}`;
/** Those whose host ports may be reached from other machines. */
export const publishedSet = (family: Family) => `published${family}`;

export function setsOf(family: Family): readonly nft.SetDefinition[] {
  const address = addressType[family];
  return [
    { name: masqueradeMap(family), key: [address], value: "verdict" },
    { name: portMap(family), key: ["protocol", "port"], value: [address, "port"] },
    { name: addressPortMap(family), key: [address, "protocol", "port"], value: [address, "port"] },
    { name: admittedSet(family), key: [address] },
    { name: publishedSet(family), key: [address] },
  ];
}

export type Rule = {
  readonly chain: string;
  /** Says what the rule is for, and identifies it within the table. */
  readonly note: string;
  readonly expressions: readonly nft.Expression[];
};

export const chains: readonly { readonly name: string; readonly at?: nft.ChainHook }[] = [
  { name: "local_sources" },
  { name: "ports" },
  { name: "back_to_source" },
  { name: "isolated" },
  { name: "isolation" },
  // Before connection tracking, which gives replies to this machine its loopback address.
  { name: "guard", at: { type: "filter", hook: "prerouting", priority: -300 } },
  // Before other programs' filters, which check the mark.
  { name: "forward", at: { type: "filter", hook: "forward", priority: -1 } },
  { name: "prerouting", at: { type: "nat", hook: "prerouting", priority: -100 } },
  { name: "output", at: { type: "nat", hook: "output", priority: -100 } },
  { name: "postrouting", at: { type: "nat", hook: "postrouting", priority: 100 } },
];

const localDestination = [nft.loadDestinationType(0), nft.equals(0, numberBytes(2))];
const loopback: IpNetwork = { address: { family: 4, value: 0x7f000000n }, prefixLength: 8 };
const marked = [
  nft.loadMeta("mark", 0),
  nft.maskRegister(0, numberBytes(markBit), numberBytes(0)),
  nft.equals(0, numberBytes(markBit)),
];
/** IPS_DST_NAT of the connection: its destination was rewritten. */
export const redirected = [
  nft.loadConnectionStatus(0),
  nft.maskRegister(0, numberBytes(0x20), numberBytes(0)),
  nft.equals(0, numberBytes(0x20)),
];
/** Within a VRF, local packets come from its own link. */
const fromElsewhere = [
  nft.loadMeta("inputName", 0),
  nft.differs(0, linkBytes("lo")),
  nft.loadMeta("inputKind", 0),
  nft.differs(0, linkBytes("vrf")),
];
const drop = nft.decide({ kind: "drop" });
const setMark = [
  nft.loadMeta("mark", 0),
  nft.maskRegister(0, numberBytes(~markBit), numberBytes(markBit)),
  nft.storeMark(0),
];

/** Rules that do not depend on pods, in the order of their chains. */
export const rules: readonly Rule[] = [
  rule("forward", "bridges that are kept apart", [nft.decide({ kind: "jump", chain: "isolation" })]),
  // The kernel would take them from pods, as connections from loopback addresses may leave for host ports.
  rule("guard", "to loopback from elsewhere", [...fromElsewhere, ...to(loopback), drop]),
  rule("guard", "from loopback from elsewhere", [...fromElsewhere, ...from(loopback), drop]),
  rule("local_sources", "this machine", [...from(loopback), ...setMark]),
  ...([4, 6] as const).flatMap((family) => [
    ...portRules(family, addressPortMap(family), `host ports of one IPv${family} address`),
    ...portRules(family, portMap(family), `host ports of IPv${family}`),
  ]),
  rule("back_to_source", "this machine", [...from(loopback), nft.masquerade()]),
  ...(["prerouting", "output"] as const).map((chain) =>
    rule(chain, "host ports", [...localDestination, nft.decide({ kind: "jump", chain: "ports" })]),
  ),
  rule("postrouting", "host ports", [
    ...marked,
    ...redirected,
    nft.decide({ kind: "jump", chain: "back_to_source" }),
  ]),
  ...([4, 6] as const).map((family) =>
    rule("postrouting", `masquerade pods of IPv${family}`, [
      ...ofFamily(family),
      nft.loadHeader("network", families[family].source, families[family].addressBytes, 0),
      nft.decideByElement(masqueradeMap(family), 0),
    ]),
  ),
];

/** The chain of one subnet: packets that leave it are masqueraded. */
export function subnetChain(subnet: IpNetwork): string {
  return `subnet_${formatNetwork(subnet).replaceAll(":", "_").replace("/", "_")}`;
}

/** The rules of one subnet. */
export function subnetRules(subnet: IpNetwork): readonly Rule[] {
  const text = formatNetwork(subnet);
  const chain = subnetChain(subnet);
  const { family } = subnet.address;
  const { bits, first } = families[family].multicast;
  const value = BigInt(first) << BigInt(families[family].addressBytes * 8 - 8);
  const multicast: IpNetwork = { address: { family, value }, prefixLength: bits };
  return [
    rule(chain, `stays in ${text}`, [...to(subnet), nft.decide({ kind: "accept" })]),
    rule(chain, `leaves ${text}`, [...to(multicast, nft.differs), nft.masquerade()]),
    rule("local_sources", text, [...from(subnet), ...setMark]),
    rule("back_to_source", text, [...from(subnet), ...to(subnet), nft.masquerade()]),
  ];
}

function rule(chain: string, note: string, expressions: readonly nft.Expression[]): Rule {
  return { chain, note, expressions };
}

/** Marks only packets whose port is in a map: other rules of the machine may check the same bit. */
function portRules(family: Family, map: string, note: string): readonly Rule[] {
  const { number, addressBytes, destination } = families[family];
  const hasAddress = map === addressPortMap(family);
  const register = hasAddress ? addressBytes / 4 : 0;
  const found = [
    ...ofFamily(family),
    ...(hasAddress ? [nft.loadHeader("network", destination, addressBytes, 0)] : []),
    nft.loadMeta("protocol", register),
    nft.loadHeader("transport", 2, 2, register + 1),
    nft.loadElement(map, 0, 0),
  ];
  return [
    rule("ports", `sources of ${note}`, [...found, nft.decide({ kind: "jump", chain: "local_sources" })]),
    rule("ports", note, [...found, nft.redirectTo(number, 0, addressBytes / 4)]),
  ];
}

export function ofFamily(family: Family): readonly nft.Expression[] {
  return [nft.loadMeta("family", 0), nft.equals(0, Buffer.of(families[family].number))];
}

function from(network: IpNetwork): readonly nft.Expression[] {
  return [...ofFamily(network.address.family), ...within(network, "source", nft.equals)];
}

function to(network: IpNetwork, compare = nft.equals): readonly nft.Expression[] {
  return [...ofFamily(network.address.family), ...within(network, "destination", compare)];
}

function within(
  network: IpNetwork,
  end: "source" | "destination",
  compare: typeof nft.equals,
): readonly nft.Expression[] {
  const { family } = network.address;
  const { addressBytes } = families[family];
  const own = ipBytes(networkAddress(network));
  return [
    nft.loadHeader("network", families[family][end], addressBytes, 0),
    nft.maskRegister(0, maskBytes(network), Buffer.alloc(addressBytes)),
    compare(0, own),
  ];
}

/** As the kernel compares names of interfaces. */
export function linkBytes(name: string): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.write(name);
  return bytes;
}

/** In the host's byte order. */
export function numberBytes(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}
