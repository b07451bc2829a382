import { isRecord, type JsonObject } from "../../../ground/json/index.ts";
import { linkByName, NetlinkSocket, setLink } from "../../../ground/linux/index.ts";
import {
  type BridgeConfig,
  bridgeKeys,
  bridgeObstacle,
  parseBridge,
  parseBridgeToAdd,
} from "./bridge-config.ts";
import { ensureBridge, ensureGateway } from "./bridge-link.ts";
import { enableForwarding } from "./forwarding.ts";
import { allocateAddresses, parseRoutes, releaseAddresses } from "./host-local.ts";
import { networkAddress, plus } from "./ip-address.ts";
import { peerOf } from "./peer-link.ts";
import type { BuiltinPlugin, LeftLink, PluginCall, PluginTools, PreparedPort } from "./plugin.ts";
import { connectPod, preparePort } from "./pod-link.ts";
import type { AddResult, ResultIp, ResultRoute } from "./result.ts";
import { staticAddresses } from "./static-addresses.ts";

/** Index of the pod's interface in a result. */
const podInterface = 2;

/** Connects pods to a bridge with veth pairs, with addresses from host-local. */
export const bridgePlugin: BuiltinPlugin = {
  keys: bridgeKeys,
  obstacle: bridgeObstacle,
  add,
  prepare,
  restore,
  delete: remove,
};

async function add(call: PluginCall, _: AddResult | undefined, tools: PluginTools): Promise<AddResult> {
  const config = parseBridgeToAdd(call.config);
  const { route, step } = tools;
  step("bridge");
  const bridge = ensureBridge(route, config);
  step("addresses");
  const allocated = await addressesFor(call, config);
  const ips = allocated.ips.map((ip) => withGateway(ip, config));
  const routes = [...allocated.routes, ...defaultRoutes(ips, allocated.routes, config)];
  step("veth");
  const links = await connectPod(call, { config, bridge, ips, routes, tools });
  if (config.isGateway) {
    step("gateway");
    for (const ip of ips) ensureGateway(route, bridge, ip, config);
    for (const family of new Set(ips.map(({ address }) => address.address.family))) enableForwarding(family);
  }
  if (config.ipMasq) {
    step("masquerade");
    tools.rules.masquerade(
      call,
      ips.map(({ address }) => address),
    );
  }
  return {
    interfaces: [
      { name: links.bridge.name, mac: links.bridge.mac, sandbox: "" },
      { name: links.host.name, mac: links.host.mac, sandbox: "" },
      { name: links.pod.name, mac: links.pod.mac, sandbox: call.sandbox },
    ],
    ips,
    routes,
    dns: Object.keys(config.dns).length > 0 || !isRecord(config.ipam.dns) ? config.dns : config.ipam.dns,
  };
}

function prepare(
  config: JsonObject,
  place: Pick<PluginCall, "netnsPath" | "ifName">,
  tools: PluginTools,
): Promise<PreparedPort> {
  const parsed = parseBridgeToAdd(config);
  return preparePort(place, { config: parsed, bridge: ensureBridge(tools.route, parsed), tools });
}

/** Static addresses need not be released. */
const isStatic = ({ ipam }: BridgeConfig) => ipam.type === "static";

async function addressesFor(call: PluginCall, config: BridgeConfig) {
  const { ipam } = config;
  if (isStatic(config)) return { ips: staticAddresses(ipam), routes: parseRoutes(ipam.routes) };
  return await allocateAddresses(call.network, ipam, call);
}

function restore(call: PluginCall, { ips }: AddResult, { rules }: PluginTools): void {
  const addresses = ips.map(({ address }) => address);
  if (parseBridge(call.config).ipMasq) rules.masquerade(call, addresses);
}

/**
 * The pod is disconnected at once, and its addresses are freed; the veth pair itself, whose removal takes the
 * kernel long, is removed afterwards. If this process ends before, the pair is removed with the pod's
 * namespace.
 */
async function remove(
  call: PluginCall,
  result: AddResult | undefined,
  tools: PluginTools,
): Promise<readonly LeftLink[]> {
  const config = parseBridge(call.config);
  const known = (result?.ips ?? []).map(({ address }) => address);
  tools.step("undo veth");
  const left = call.netnsPath === "" ? [] : cutOff(call, tools.route);
  tools.step("undo masquerade");
  if (config.ipMasq) tools.rules.forget(call, known);
  tools.step("undo addresses");
  const addresses = known.map(({ address }) => address);
  if (!isStatic(config)) await releaseAddresses(call.network, config.ipam, call, addresses);
  return left;
}

function cutOff({ netnsPath, ifName }: PluginCall, route: NetlinkSocket): readonly LeftLink[] {
  using pod = NetlinkSocket.open("route", netnsPath);
  const inside = linkByName(pod, ifName);
  if (inside === undefined) return [];
  setLink(pod, inside, { up: false });
  const outside = peerOf(inside, route);
  if (outside === undefined) return [];
  setLink(route, outside, { up: false, masterIndex: 0 });
  return [{ index: outside.index, name: outside.name }];
}

function withGateway(ip: ResultIp, { isGateway }: BridgeConfig): ResultIp {
  const gateway = ip.gateway ?? (isGateway ? plus(networkAddress(ip.address), 1n) : undefined);
  return { ...ip, gateway, interface: podInterface };
}

/** One for each family without a default route. */
function defaultRoutes(
  ips: readonly ResultIp[],
  routes: readonly ResultRoute[],
  { isDefaultGateway }: BridgeConfig,
): readonly ResultRoute[] {
  if (!isDefaultGateway) return [];
  return ([4, 6] as const).flatMap((family) => {
    const first = ips.find(({ address }) => address.address.family === family);
    const isThere = routes.some(
      ({ destination, gateway }) =>
        gateway !== undefined && destination.address.family === family && destination.prefixLength === 0,
    );
    if (first === undefined || isThere) return [];
    const destination = { address: { family, value: 0n }, prefixLength: 0 };
    return [{ destination, gateway: first.gateway }];
  });
}
