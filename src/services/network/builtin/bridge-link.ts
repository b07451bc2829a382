import { isErrno } from "../../../ground/fs/index.ts";
import {
  addAddress,
  addBridge,
  deleteAddress,
  type Link,
  linkByName,
  listAddresses,
  type NetlinkSocket,
  setLink,
} from "../../../ground/linux/index.ts";
import type { BridgeConfig } from "./bridge-config.ts";
import { formatNetwork, ipBytes, ipOfBytes, isWithin, sameIp } from "./ip-address.ts";
import { PluginFailure } from "./plugin-failure.ts";
import type { ResultIp } from "./result.ts";
import { writeSetting } from "./settings.ts";

/**
 * Returns the bridge; creates it and brings it up if needed. Throws PluginFailure if a link of another kind
 * has the name.
 */
export function ensureBridge(route: NetlinkSocket, config: BridgeConfig): Link {
  const { bridge: name, mtu, promiscMode, enableDad } = config;
  const there = linkByName(route, name);
  if (there === undefined) ignoreExisting(() => addBridge(route, name, mtu));
  const bridge = there ?? linkByName(route, name);
  if (bridge === undefined) throw new PluginFailure(`could not lookup ${JSON.stringify(name)}: it is gone`);
  if (bridge.kind !== "bridge")
    throw new PluginFailure(`${JSON.stringify(name)} already exists but is not a bridge`);
  if (promiscMode && !bridge.isPromiscuous) setLink(route, bridge, { promiscuous: true });
  // Its routes come from the network's configuration, not from router advertisements.
  writeSetting(`net/ipv6/conf/${name}/accept_ra`, "0");
  // Nobody else is connected to a new one: so its first pods reach their IPv6 gateway at once.
  if (there === undefined && !enableDad) writeSetting(`net/ipv6/conf/${name}/accept_dad`, "0");
  if (!bridge.isUp) setLink(route, bridge, { up: true });
  return bridge;
}

/**
 * Gives the bridge the gateway's address. Throws PluginFailure if it has a conflicting one, unless
 * `forceAddress` replaces that.
 */
export function ensureGateway(
  route: NetlinkSocket,
  bridge: Link,
  ip: ResultIp,
  { forceAddress }: BridgeConfig,
): void {
  if (ip.gateway === undefined) return;
  const wanted = { address: ip.gateway, prefixLength: ip.address.prefixLength };
  const { family } = ip.gateway;
  const present = listAddresses(route, bridge)
    .map(({ address, prefixLength }) => ({ address: ipOfBytes(address), prefixLength }))
    .filter(({ address }) => address.family === family);
  const isSame = (one: (typeof present)[number]) =>
    sameIp(one.address, wanted.address) && one.prefixLength === wanted.prefixLength;
  if (present.some(isSame)) return;
  for (const other of present) {
    const overlaps = isWithin(wanted.address, other) || isWithin(other.address, wanted);
    // An interface normally has several IPv6 addresses, one of them link-local.
    if (family === 6 && !overlaps) continue;
    if (!forceAddress)
      throw new PluginFailure(
        `failed to set bridge addr: ${JSON.stringify(bridge.name)} already has an IP address different from ${formatNetwork(wanted)}`,
      );
    deleteAddress(route, bridge, { address: ipBytes(other.address), prefixLength: other.prefixLength });
  }
  const prefix = { address: ipBytes(wanted.address), prefixLength: wanted.prefixLength };
  ignoreExisting(() => addAddress(route, bridge, prefix));
  // A MAC address that was set stays; otherwise a bridge takes the lowest of its ports', which changes as
  // they come and go.
  const now = linkByName(route, bridge.name) ?? bridge;
  setLink(route, bridge, { mac: Buffer.from(now.mac.replaceAll(":", ""), "hex") });
}

/** Runs `make`, and ignores EEXIST: others may create the same object at the same time. */
function ignoreExisting(make: () => void): void {
  try {
    make();
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
  }
}
