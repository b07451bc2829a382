import { nft } from "../../ground/linux/index.ts";
import {
  formatNetwork,
  type IpNetwork,
  ipBytes,
  maskBytes,
  networkAddress,
  parseIp,
} from "../../services/network/index.ts";
import type { Endpoint, ServedPort, Service, ServiceProtocol } from "./service.ts";
import { resolverAddress } from "./subnet.ts";

/** AF_INET, and where its header has addresses; services have IPv4 addresses. */
const ipv4 = 2;
const offsets = { source: 12, destination: 16 };
const protocolNumbers = { TCP: 6, UDP: 17, SCTP: 132 };
/** Before port mappings of pods, which are at -100 and 100; translated addresses come to filters at 0. */
const priorities = { destination: -101, source: 99, filter: 0, raw: -300 };
/** RTN_LOCAL: an address of this machine. */
const localAddress = numberBytes(2);
/** IPS_DST_NAT of a connection: it was sent on to elsewhere. */
const sentOn = numberBytes(0x20);
const loopback: IpNetwork = { address: { family: 4, value: 0x7f000000n }, prefixLength: 8 };

/** What the rules of one network are made of. */
export type RuleInput = {
  readonly table: string;
  readonly subnet: IpNetwork;
  readonly services: readonly Service[];
  /** Subnets of pods that reach each other without passing this machine's routing. */
  readonly podSubnets: readonly IpNetwork[];
};

/** One service port with somebody behind it: its connections come to a chain of its own. */
type Target = {
  readonly chain: string;
  readonly map: string;
  readonly service: Service;
  readonly port: ServedPort;
};

/**
 * The changes that make the table what it must be, whatever it is now: it is removed and made again, in one
 * step of the kernel, and connections that are there go on.
 */
export function ruleChanges({ table, subnet, services, podSubnets }: RuleInput): readonly nft.NftChange[] {
  const targets = services
    .flatMap((service) => service.ports.map((port) => ({ service, port })))
    .filter(({ port }) => port.endpoints.length > 0)
    .map((target, index): Target => ({ ...target, chain: `service_${index}`, map: `endpoints_${index}` }));
  const rule = (chain: string, note: string, ...expressions: readonly nft.Expression[]) =>
    nft.addRule(table, chain, expressions, note);
  const base = (name: string, type: "nat" | "filter", hook: nft.ChainHook["hook"], priority: number) =>
    nft.addChain(table, name, { type, hook, priority });
  return [
    nft.addTable(table),
    nft.deleteTable(table),
    nft.addTable(table),
    ...sets.map((set, index) => nft.addSet(table, set, index + 1)),
    ...targets.map(({ map }, index) => nft.addSet(table, endpointsMap(map), sets.length + index + 1)),
    ...targets.map(({ chain }) => nft.addChain(table, chain)),
    base("guard", "filter", "prerouting", priorities.raw),
    base("prerouting", "nat", "prerouting", priorities.destination),
    base("output", "nat", "output", priorities.destination),
    base("postrouting", "nat", "postrouting", priorities.source),
    base("unserved_forward", "filter", "forward", priorities.filter),
    base("unserved_output", "filter", "output", priorities.filter),
    // Addresses of loopback are let through to pods for node ports; nobody else may use them.
    rule(
      "guard",
      "loopback from elsewhere",
      ...to(loopback),
      nft.loadMeta("inputName", 0),
      nft.differs(0, interfaceName("lo")),
      nft.decide({ kind: "drop" }),
    ),
    ...["prerouting", "output"].flatMap((chain) => [
      rule(chain, "services", ...services4),
      rule(chain, "node ports", ...nodePorts4),
    ]),
    ...targets.map(({ chain, map, service, port }) =>
      rule(
        chain,
        titleOf(service, port),
        ...choose(service.sticky, port.endpoints.length),
        nft.loadElement(map, 0, 0),
        nft.redirectTo(ipv4, 0, 1),
      ),
    ),
    rule(
      "postrouting",
      "back to itself",
      ...ofIpv4,
      loadAddress("source", 0),
      loadAddress("destination", 1),
      nft.isElement("selves", 0),
      ...wasSentOn,
      nft.masquerade(),
    ),
    rule("postrouting", "this machine's loopback", ...from(loopback), ...wasSentOn, nft.masquerade()),
    // Answers would go straight to who asked, from an address that it has not asked.
    ...podSubnets.map((pods) =>
      rule(
        "postrouting",
        `stays in ${formatNetwork(pods)}`,
        ...from(pods),
        ...to(pods),
        ...wasSentOn,
        nft.masquerade(),
      ),
    ),
    ...["unserved_forward", "unserved_output"].map((chain) =>
      rule(
        chain,
        "no endpoints",
        ...to(subnet),
        loadAddress("destination", 0),
        nft.differs(0, ipBytes(resolverAddress(subnet))),
        nft.reject(),
      ),
    ),
    ...elements(table, "services", targets.flatMap(serviceElement)),
    ...elements(table, "node_ports", targets.flatMap(nodePortElement)),
    ...elements(table, "selves", selves(targets)),
    ...targets.flatMap(({ map, port }) => elements(table, map, port.endpoints.map(endpointElement))),
  ];
}

const sets: readonly nft.SetDefinition[] = [
  { name: "services", key: ["ipv4", "protocol", "port"], value: "verdict" },
  { name: "node_ports", key: ["protocol", "port"], value: "verdict" },
  { name: "selves", key: ["ipv4", "ipv4"] },
];

function endpointsMap(name: string): nft.SetDefinition {
  return { name, key: ["number"], value: ["ipv4", "port"] };
}

const ofIpv4 = [nft.loadMeta("family", 0), nft.equals(0, Buffer.of(ipv4))];
const loadDestinationPort = (register: number) => nft.loadHeader("transport", 2, 2, register);
const wasSentOn = [
  nft.loadConnectionStatus(0),
  nft.maskRegister(0, sentOn, numberBytes(0)),
  nft.equals(0, sentOn),
];

const services4 = [
  ...ofIpv4,
  loadAddress("destination", 0),
  nft.loadMeta("protocol", 1),
  loadDestinationPort(2),
  nft.decideByElement("services", 0),
];

const nodePorts4 = [
  ...ofIpv4,
  nft.loadDestinationType(0),
  nft.equals(0, localAddress),
  nft.loadMeta("protocol", 0),
  loadDestinationPort(1),
  nft.decideByElement("node_ports", 0),
];

/** The number of an endpoint. */
function choose(sticky: boolean, count: number): readonly nft.Expression[] {
  if (!sticky) return [nft.loadRandom(count, 0)];
  return [loadAddress("source", 1), nft.loadHash(1, 4, count, 0)];
}

function loadAddress(end: keyof typeof offsets, register: number): nft.Expression {
  return nft.loadHeader("network", offsets[end], 4, register);
}

function from(network: IpNetwork): readonly nft.Expression[] {
  return [...ofIpv4, ...within(network, "source")];
}

function to(network: IpNetwork): readonly nft.Expression[] {
  return [...ofIpv4, ...within(network, "destination")];
}

function within(network: IpNetwork, end: keyof typeof offsets): readonly nft.Expression[] {
  return [
    loadAddress(end, 0),
    nft.maskRegister(0, maskBytes(network), Buffer.alloc(4)),
    nft.equals(0, ipBytes(networkAddress(network))),
  ];
}

function serviceElement({ chain, service, port }: Target): readonly nft.SetElement[] {
  if (service.address === undefined) return [];
  const key = nft.fields(addressBytes(service.address), ...portKey(port.protocol, port.port));
  return [{ key, value: { kind: "goto", chain }, note: titleOf(service, port) }];
}

function nodePortElement({ chain, service, port }: Target): readonly nft.SetElement[] {
  if (port.nodePort === undefined) return [];
  const key = nft.fields(...portKey(port.protocol, port.nodePort));
  return [{ key, value: { kind: "goto", chain }, note: titleOf(service, port) }];
}

function endpointElement({ ip, port }: Endpoint, index: number): nft.SetElement {
  return { key: numberBytes(index), value: nft.fields(addressBytes(ip), portBytes(port)), note: "" };
}

function selves(targets: readonly Target[]): readonly nft.SetElement[] {
  const addresses = new Set(targets.flatMap(({ port }) => port.endpoints.map(({ ip }) => ip)));
  return [...addresses].map((ip) => ({ key: nft.fields(addressBytes(ip), addressBytes(ip)), note: "" }));
}

function elements(table: string, set: string, list: readonly nft.SetElement[]): readonly nft.NftChange[] {
  const unique = new Map(list.map((element) => [element.key.toString("hex"), element]));
  return unique.size === 0 ? [] : [nft.addElements(table, set, [...unique.values()])];
}

function titleOf({ namespace, name }: Service, { port, protocol }: ServedPort): string {
  return `${namespace}/${name} ${port}/${protocol}`;
}

function portKey(protocol: ServiceProtocol, port: number): readonly Buffer[] {
  return [Buffer.of(protocolNumbers[protocol]), portBytes(port)];
}

function portBytes(port: number): Buffer {
  return Buffer.of(port >> 8, port & 0xff);
}

function addressBytes(ip: string): Buffer {
  const address = parseIp(ip);
  if (address?.family !== 4) throw new Error(`${JSON.stringify(ip)} is no IPv4 address`);
  return ipBytes(address);
}

function interfaceName(name: string): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.write(name);
  return bytes;
}

/** As the kernel keeps its own numbers. */
function numberBytes(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}
