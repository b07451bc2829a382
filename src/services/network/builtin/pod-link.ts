import { createHash, randomUUID } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { isErrno } from "../../../ground/fs/index.ts";
import {
  addAddress,
  addRoute,
  addVethPair,
  deleteLink,
  inNetworkNamespace,
  type Link,
  linkByIndex,
  linkByName,
  listAddresses,
  NetlinkSocket,
  setBridgePort,
  setLink,
} from "../../../ground/linux/index.ts";
import type { BridgeConfig } from "./bridge-config.ts";
import { formatNetwork, ipBytes } from "./ip-address.ts";
import type { PluginCall, PluginTools, PodLink, PreparedPort } from "./plugin.ts";
import { PluginFailure } from "./plugin-failure.ts";
import type { ResultIp, ResultRoute } from "./result.ts";
import { writeSetting } from "./settings.ts";

type Connection = {
  readonly config: BridgeConfig;
  readonly bridge: Link;
  readonly ips: readonly ResultIp[];
  readonly routes: readonly ResultRoute[];
  readonly tools: PluginTools;
};

/** The programs wait as long. */
const readyTimeoutMs = 5000;
const readyPauseMs = 1;
const nameTries = 10;

/** The bridge after the new port was added, whose MAC address it may have taken. */
type Connected = { readonly bridge: PodLink; readonly host: PodLink; readonly pod: PodLink };

/**
 * Connects a pod's namespace to a bridge with a veth pair, addresses and routes; resolves when the connection
 * works. Throws PluginFailure.
 */
export async function connectPod(call: PluginCall, connection: Connection): Promise<Connected> {
  const { config, bridge, ips, routes, tools } = connection;
  const host = call.prepared && (await takePrepared(call.prepared, bridge, tools.route));
  const name = host?.name ?? addPort(call, `${call.containerId} ${call.ifName}`, connection);
  tools.step("pod interface");
  using route = NetlinkSocket.open("route", call.netnsPath);
  const ready = host && call.prepared?.pod;
  if (ready === undefined) configure(call, config);
  if (hasIpv6(ips)) enableIpv6(call);
  const pod = ready ?? required(route, call.ifName);
  for (const { address } of ips)
    addAddress(route, pod, { address: ipBytes(address.address), prefixLength: address.prefixLength });
  // Setting the MAC address, even to the same value, announces the new addresses to neighbours, as bringing
  // the link up does.
  setLink(route, pod, ready === undefined ? { up: true } : { mac: macBytes(pod) });
  await waitFor(`the addresses of ${call.ifName} are not usable`, () => isSettled(route, pod, ips));
  for (const each of routes) addPodRoute(route, pod, each, ips);
  if (host !== undefined) return { bridge, host, pod };
  const added = await operational(tools.route, name, bridge);
  return { bridge: linkByIndex(tools.route, bridge.index) ?? bridge, host: added, pod };
}

/** Alias that administrators see on a port that no pod has yet. */
const preparedAlias = "prepared by berth for its next pod";

type Place = Pick<PluginCall, "netnsPath" | "ifName">;
type Port = Pick<Connection, "config" | "bridge" | "tools">;

/**
 * Creates in advance what {@link connectPod} can use: the pair, both ends up, without addresses. It is
 * removed with the namespace. Throws PluginFailure.
 */
export async function preparePort(place: Place, { config, bridge, tools }: Port): Promise<PreparedPort> {
  const name = addPort(place, randomUUID(), { config, bridge, tools });
  setLink(tools.route, required(tools.route, name), { alias: preparedAlias });
  using route = NetlinkSocket.open("route", place.netnsPath);
  configure(place, config);
  const pod = required(route, place.ifName);
  setLink(route, pod, { up: true });
  const host = await operational(tools.route, name, bridge);
  return { host: known(host), pod: known(pod), netnsPath: place.netnsPath };
}

function known({ index, name, mac }: Link): PodLink {
  return { index, name, mac };
}

/**
 * Undefined if somebody changed the port, or recreated the bridge, in the meantime: then the port is removed.
 */
async function takePrepared(
  port: PreparedPort,
  bridge: Link,
  route: NetlinkSocket,
): Promise<Link | undefined> {
  const host = linkByIndex(route, port.host.index);
  const isUnchanged = host?.name === port.host.name && host.peerIndex === port.pod.index;
  if (isUnchanged && host.masterIndex === bridge.index && host.isOperational) {
    setLink(route, host, { alias: "" });
    return host;
  }
  await removePrepared(port);
  return undefined;
}

/**
 * Removes what {@link preparePort} created, by its end in the pod's namespace, which is certainly ours: the
 * other end may have been renamed or moved, or its index reused.
 */
export async function removePrepared({ netnsPath, pod }: PreparedPort): Promise<void> {
  using route = NetlinkSocket.open("route", netnsPath);
  await deleteLink(route, pod);
}

function macBytes({ mac }: PodLink): Buffer {
  return Buffer.from(mac.replaceAll(":", ""), "hex");
}

function addPort(place: Place, owner: string, { config, bridge, tools }: Port): string {
  const name = addPair(place, owner, config, bridge, tools.route);
  writeSetting(`net/ipv6/conf/${name}/accept_ra`, "0");
  const { hairpinMode: hairpin, portIsolation: isolated } = config;
  if (hairpin || isolated) setBridgePort(tools.route, required(tools.route, name), { hairpin, isolated });
  return name;
}

async function operational(route: NetlinkSocket, name: string, bridge: Link): Promise<Link> {
  let host: Link | undefined;
  await waitFor(`the port ${name} of the bridge ${bridge.name} is not up`, () => {
    host = linkByName(route, name);
    return host?.isOperational === true;
  });
  return host ?? required(route, name);
}

/**
 * The name is derived from the owner, so that it can be found again; if somebody else has it, another one is
 * tried.
 */
function addPair(
  { netnsPath, ifName }: Place,
  owner: string,
  config: BridgeConfig,
  bridge: Link,
  route: NetlinkSocket,
): string {
  const netnsFd = openSync(netnsPath, "r");
  try {
    for (let attempt = 0; attempt < nameTries; attempt++) {
      const name = vethName(owner, attempt);
      try {
        const peer = { name: ifName, netnsFd };
        addVethPair(route, { name, mtu: config.mtu, masterIndex: bridge.index, peer });
        return name;
      } catch (error) {
        if (!isErrno(error, "EEXIST")) throw error;
        if (linkByName(route, name) === undefined)
          throw new PluginFailure(`container veth name (${JSON.stringify(ifName)}) already exists`);
      }
    }
  } finally {
    closeSync(netnsFd);
  }
  throw new PluginFailure(`failed to find a unique veth name for ${ifName}`);
}

function vethName(owner: string, attempt: number): string {
  const hash = createHash("sha256").update(`${owner} ${attempt}`).digest("hex");
  return `veth${hash.slice(0, 8)}`;
}

/** Sets, in the pod's namespace and without yielding, what must be set before there are addresses. */
function configure({ netnsPath, ifName }: Place, { enableDad }: BridgeConfig): void {
  inNetworkNamespace(netnsPath, () => {
    writeSetting(`net/ipv6/conf/${ifName}/accept_dad`, enableDad ? "1" : "0");
    if (enableDad) writeSetting(`net/ipv6/conf/${ifName}/enhanced_dad`, "1");
    writeSetting(`net/ipv4/conf/${ifName}/arp_notify`, "1");
  });
}

/** The same for IPv6 addresses. */
function enableIpv6({ netnsPath, ifName }: Place): void {
  inNetworkNamespace(netnsPath, () => {
    for (const name of ["lo", ifName]) writeSetting(`net/ipv6/conf/${name}/disable_ipv6`, "0");
    if (!writeSetting(`net/ipv6/conf/${ifName}/keep_addr_on_down`, "1"))
      throw new PluginFailure(`failed to add IPv6 addresses to ${ifName}: the kernel has no IPv6`);
  });
}

function hasIpv6(ips: readonly ResultIp[]): boolean {
  return ips.some(({ address }) => address.address.family === 6);
}

/** IPv6 addresses are usable only once the link is up and duplicate address detection is done. */
function isSettled(route: NetlinkSocket, pod: PodLink, ips: readonly ResultIp[]): boolean {
  if (!hasIpv6(ips)) return true;
  return listAddresses(route, pod).every(({ isTentative }) => !isTentative);
}

/** Without a gateway of its own, it uses that of the first address of its family. */
function addPodRoute(
  socket: NetlinkSocket,
  pod: PodLink,
  { destination, gateway }: ResultRoute,
  ips: readonly ResultIp[],
): void {
  const { family } = destination.address;
  const via = gateway ?? ips.find((ip) => ip.gateway?.family === family)?.gateway;
  try {
    addRoute(socket, {
      destination: { address: ipBytes(destination.address), prefixLength: destination.prefixLength },
      linkIndex: pod.index,
      ...(via !== undefined && { gateway: ipBytes(via) }),
    });
  } catch (cause) {
    throw new PluginFailure(`failed to add route ${formatNetwork(destination)}`, { cause });
  }
}

function required(socket: NetlinkSocket, name: string): Link {
  const link = linkByName(socket, name);
  if (link === undefined) throw new PluginFailure(`failed to lookup ${JSON.stringify(name)}: it is gone`);
  return link;
}

async function waitFor(problem: string, isReady: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + readyTimeoutMs;
  while (!isReady()) {
    if (performance.now() > deadlineMs)
      throw new PluginFailure(`${problem} after ${readyTimeoutMs / 1000} s`);
    await sleep(readyPauseMs);
  }
}
