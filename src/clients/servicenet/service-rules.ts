import { isIPv4 } from "node:net";
import { nft } from "../../ground/linux/index.ts";
import { formatNetwork, type IpNetwork, ipBytes, parseIp } from "../../services/network/index.ts";
import {
  addressRegisters,
  from,
  type IpFamily,
  interfaceName,
  ipFamilies,
  loadAddress,
  loadPort,
  numberBytes,
  ofFamily,
  to,
  toThisMachine,
  wasSentOn,
} from "./packet-parts.ts";
import type { Endpoint, ServedPort, Service, ServiceProtocol } from "./service.ts";
import { resolverAddress } from "./subnet.ts";

const protocolNumbers = { TCP: 6, UDP: 17, SCTP: 132 };
/** Before the port mappings of pods, which have -100 and 100; filters at 0 see translated addresses. */
const priorities = { destination: -101, source: 99, filter: 0, raw: -300 };
const loopback: IpNetwork = { address: { family: 4, value: 0x7f000000n }, prefixLength: 8 };
const families = [4, 6] as const;

/** The input for the rules of one network. */
export type RuleInput = {
  readonly table: string;
  /** The subnets of services, at most one of each family. */
  readonly subnets: readonly IpNetwork[];
  readonly services: readonly Service[];
  /** Subnets whose pods reach each other without this machine's routing. */
  readonly podSubnets: readonly IpNetwork[];
};

/** One port of a service in one family that has endpoints. Its connections go to a chain of their own. */
type Target = {
  readonly chain: string;
  readonly map: string;
  readonly service: Service;
  readonly port: ServedPort;
  readonly family: IpFamily;
  readonly address: string;
  readonly endpoints: readonly Endpoint[];
};

/**
 * The changes that set the table to its desired state, whatever it is now: it is removed and created again in
 * one atomic step; existing connections continue.
 */
export function ruleChanges({ table, subnets, services, podSubnets }: RuleInput): readonly nft.NftChange[] {
  const targets = targetsOf(services);
  const rule = (chain: string, note: string, ...expressions: readonly nft.Expression[]) =>
    nft.addRule(table, chain, expressions, note);
  const base = (name: string, type: "nat" | "filter", hook: nft.ChainHook["hook"], priority: number) =>
    nft.addChain(table, name, { type, hook, priority });
  return [
    nft.addTable(table),
    nft.deleteTable(table),
    nft.addTable(table),
    ...sets.map((set, index) => nft.addSet(table, set, index + 1)),
    ...targets.map((target, index) => nft.addSet(table, endpointsMap(target), sets.length + index + 1)),
    ...targets.map(({ chain }) => nft.addChain(table, chain)),
    base("guard", "filter", "prerouting", priorities.raw),
    base("prerouting", "nat", "prerouting", priorities.destination),
    base("output", "nat", "output", priorities.destination),
    base("postrouting", "nat", "postrouting", priorities.source),
    base("unserved_forward", "filter", "forward", priorities.filter),
    base("unserved_output", "filter", "output", priorities.filter),
    // Packets from IPv4 loopback addresses are forwarded to pods only for node ports.
    rule(
      "guard",
      "loopback from elsewhere",
      ...to(loopback),
      nft.loadMeta("inputName", 0),
      nft.differs(0, interfaceName("lo")),
      nft.decide({ kind: "drop" }),
    ),
    ...["prerouting", "output"].flatMap((chain) =>
      families.flatMap((family) => [
        rule(chain, `services of IPv${family}`, ...servedAddresses(family)),
        rule(chain, `node ports of IPv${family}`, ...servedNodePorts(family)),
      ]),
    ),
    ...targets.map((target) =>
      rule(
        target.chain,
        titleOf(target),
        ...choose(target),
        nft.loadElement(target.map, 0, 0),
        nft.redirectTo(ipFamilies[target.family].number, 0, addressRegisters(target.family)),
      ),
    ),
    ...families.map((family) =>
      rule(
        "postrouting",
        `back to itself of IPv${family}`,
        ...ofFamily(family),
        loadAddress(family, "source", 0),
        loadAddress(family, "destination", addressRegisters(family)),
        nft.isElement(selvesSet(family), 0),
        ...wasSentOn,
        nft.masquerade(),
      ),
    ),
    rule("postrouting", "this machine's loopback", ...from(loopback), ...wasSentOn, nft.masquerade()),
    // Otherwise, responses would go directly to the client, from an address to which it has not connected.
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
    ...["unserved_forward", "unserved_output"].flatMap((chain) =>
      subnets.map((subnet) =>
        rule(
          chain,
          `no endpoints in ${formatNetwork(subnet)}`,
          ...to(subnet),
          loadAddress(subnet.address.family, "destination", 0),
          nft.differs(0, ipBytes(resolverAddress(subnet))),
          nft.reject(),
        ),
      ),
    ),
    ...families.flatMap((family) => {
      const own = targets.filter((target) => target.family === family);
      return [
        ...elements(table, servicesMap(family), own.map(serviceElement)),
        ...elements(table, nodePortsMap(family), own.flatMap(nodePortElement)),
        ...elements(table, selvesSet(family), selves(own)),
      ];
    }),
    ...targets.flatMap(({ map, endpoints }) => elements(table, map, endpoints.map(endpointElement))),
  ];
}

function targetsOf(services: readonly Service[]): readonly Target[] {
  return services
    .flatMap((service) =>
      service.ports.flatMap((port) =>
        service.addresses.map((address) => {
          const family = familyOf(address);
          const endpoints = port.endpoints.filter(({ ip }) => familyOf(ip) === family);
          return { service, port, address, family, endpoints };
        }),
      ),
    )
    .filter(({ endpoints }) => endpoints.length > 0)
    .map((target, index) => ({ ...target, chain: `service_${index}`, map: `endpoints_${index}` }));
}

function familyOf(ip: string): IpFamily {
  return isIPv4(ip) ? 4 : 6;
}

const servicesMap = (family: IpFamily) => `services${family}`;
const nodePortsMap = (family: IpFamily) => `node_ports${family}`;
const selvesSet = (family: IpFamily) => `selves${family}`;

const sets: readonly nft.SetDefinition[] = families.flatMap((family) => {
  const { field } = ipFamilies[family];
  return [
    { name: servicesMap(family), key: [field, "protocol", "port"], value: "verdict" },
    { name: nodePortsMap(family), key: ["protocol", "port"], value: "verdict" },
    { name: selvesSet(family), key: [field, field] },
  ];
});

function endpointsMap({ map, family }: Target): nft.SetDefinition {
  return { name: map, key: ["number"], value: [ipFamilies[family].field, "port"] };
}

function servedAddresses(family: IpFamily): readonly nft.Expression[] {
  return [
    ...ofFamily(family),
    loadAddress(family, "destination", 0),
    ...loadPort(addressRegisters(family)),
    nft.decideByElement(servicesMap(family), 0),
  ];
}

function servedNodePorts(family: IpFamily): readonly nft.Expression[] {
  return [
    ...ofFamily(family),
    ...toThisMachine,
    ...loadPort(0),
    nft.decideByElement(nodePortsMap(family), 0),
  ];
}

/** Expressions that choose the number of an endpoint. */
function choose({ service, family, endpoints }: Target): readonly nft.Expression[] {
  if (!service.sticky) return [nft.loadRandom(endpoints.length, 0)];
  const { addressBytes } = ipFamilies[family];
  return [loadAddress(family, "source", 1), nft.loadHash(1, addressBytes, endpoints.length, 0)];
}

function serviceElement(target: Target): nft.SetElement {
  const { chain, address, port } = target;
  const key = nft.fields(addressBytes(address), ...portKey(port.protocol, port.port));
  return { key, value: { kind: "goto", chain }, note: titleOf(target) };
}

function nodePortElement(target: Target): readonly nft.SetElement[] {
  const { chain, port } = target;
  if (port.nodePort === undefined) return [];
  const key = nft.fields(...portKey(port.protocol, port.nodePort));
  return [{ key, value: { kind: "goto", chain }, note: titleOf(target) }];
}

function endpointElement({ ip, port }: Endpoint, index: number): nft.SetElement {
  return { key: numberBytes(index), value: nft.fields(addressBytes(ip), portBytes(port)), note: "" };
}

function selves(targets: readonly Target[]): readonly nft.SetElement[] {
  const addresses = new Set(targets.flatMap(({ endpoints }) => endpoints.map(({ ip }) => ip)));
  return [...addresses].map((ip) => ({ key: nft.fields(addressBytes(ip), addressBytes(ip)), note: "" }));
}

function elements(table: string, set: string, list: readonly nft.SetElement[]): readonly nft.NftChange[] {
  const unique = new Map(list.map((element) => [element.key.toString("hex"), element]));
  return unique.size === 0 ? [] : [nft.addElements(table, set, [...unique.values()])];
}

function titleOf({ service: { namespace, name }, port: { port, protocol } }: Target): string {
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
  if (address === undefined) throw new Error(`${JSON.stringify(ip)} is not an IP address`);
  return ipBytes(address);
}
