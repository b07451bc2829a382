import { createHash } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { isErrno } from "../../../ground/fs/index.ts";
import {
  addAddress,
  addRoute,
  addVethPair,
  inNetworkNamespace,
  type Link,
  linkByName,
  listAddresses,
  NetlinkSocket,
  setBridgePort,
  setLink,
} from "../../../ground/linux/index.ts";
import type { BridgeConfig } from "./bridge-config.ts";
import { formatNetwork, ipBytes } from "./ip-address.ts";
import type { PluginCall, PluginTools } from "./plugin.ts";
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

/** As long as the programs wait for it. */
const readyTimeoutMs = 5000;
const readyPauseMs = 1;
const nameTries = 10;

/**
 * Connects a pod's namespace to a bridge by a veth pair, with addresses and routes; both ends when the
 * connection stands. Throws PluginFailure.
 */
export async function connectPod(
  call: PluginCall,
  { config, bridge, ips, routes, tools }: Connection,
): Promise<{ readonly host: Link; readonly pod: Link }> {
  const name = addPair(call, config, bridge, tools.route);
  writeSetting(`net/ipv6/conf/${name}/accept_ra`, "0");
  const { hairpinMode: hairpin, portIsolation: isolated } = config;
  if (hairpin || isolated) setBridgePort(tools.route, required(tools.route, name), { hairpin, isolated });
  tools.step("pod interface");
  using route = NetlinkSocket.open("route", call.netnsPath);
  const pod = configure(call, route, { config, ips, routes: [] });
  await waitFor(`the addresses of ${call.ifName} are not usable`, () => isSettled(route, pod, ips));
  for (const each of routes) addPodRoute(route, pod, each, ips);
  let host: Link | undefined;
  await waitFor(`the port ${name} of the bridge ${bridge.name} is not up`, () => {
    host = linkByName(tools.route, name);
    return host?.isOperational === true;
  });
  return { host: host ?? required(tools.route, name), pod };
}

/** A name is found again by whoever knows the pod, and tried anew where somebody else has it. */
function addPair(call: PluginCall, config: BridgeConfig, bridge: Link, route: NetlinkSocket): string {
  const netnsFd = openSync(call.netnsPath, "r");
  try {
    for (let attempt = 0; attempt < nameTries; attempt++) {
      const name = vethName(call, attempt);
      try {
        const peer = { name: call.ifName, netnsFd };
        addVethPair(route, { name, mtu: config.mtu, masterIndex: bridge.index, peer });
        return name;
      } catch (error) {
        const isTaken = isErrno(error, "EEXIST") && linkByName(route, name) !== undefined;
        if (!isTaken) throw error;
      }
    }
  } finally {
    closeSync(netnsFd);
  }
  throw new PluginFailure(`failed to find a unique veth name for ${call.ifName}`);
}

function vethName({ containerId, ifName }: PluginCall, attempt: number): string {
  const hash = createHash("sha256").update(`${containerId} ${ifName} ${attempt}`).digest("hex");
  return `veth${hash.slice(0, 8)}`;
}

/** Within the pod's namespace, with no pause: settings that must be there before the addresses, and these. */
function configure(
  { netnsPath, ifName }: PluginCall,
  route: NetlinkSocket,
  { config, ips }: Pick<Connection, "config" | "ips" | "routes">,
): Link {
  const hasIpv6 = ips.some(({ address }) => address.address.family === 6);
  inNetworkNamespace(netnsPath, () => {
    writeSetting(`net/ipv6/conf/${ifName}/accept_dad`, config.enableDad ? "1" : "0");
    if (config.enableDad) writeSetting(`net/ipv6/conf/${ifName}/enhanced_dad`, "1");
    writeSetting(`net/ipv4/conf/${ifName}/arp_notify`, "1");
    if (!hasIpv6) return;
    for (const name of ["lo", ifName]) writeSetting(`net/ipv6/conf/${name}/disable_ipv6`, "0");
    if (!writeSetting(`net/ipv6/conf/${ifName}/keep_addr_on_down`, "1"))
      throw new PluginFailure(`failed to add IPv6 addresses to ${ifName}: the kernel has no IPv6`);
  });
  const pod = required(route, ifName);
  for (const { address } of ips)
    addAddress(route, pod, { address: ipBytes(address.address), prefixLength: address.prefixLength });
  setLink(route, pod, { up: true });
  return pod;
}

/** Addresses of IPv6 count only once the link stands, and nobody else was found to have them. */
function isSettled(route: NetlinkSocket, pod: Link, ips: readonly ResultIp[]): boolean {
  if (!ips.some(({ address }) => address.address.family === 6)) return true;
  return listAddresses(route, pod).every(({ isTentative }) => !isTentative);
}

/** By the gateway of the first address of its family, where it names none. */
function addPodRoute(
  socket: NetlinkSocket,
  pod: Link,
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
