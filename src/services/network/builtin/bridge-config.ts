import { isRecord, type JsonObject } from "../../../ground/json/index.ts";
import { PluginFailure } from "./plugin-failure.ts";

/** Configuration of the plugin bridge (https://www.cni.dev/plugins/current/main/bridge/). */
export type BridgeConfig = {
  readonly bridge: string;
  readonly isGateway: boolean;
  readonly isDefaultGateway: boolean;
  readonly forceAddress: boolean;
  readonly ipMasq: boolean;
  /** 0 leaves it to the kernel. */
  readonly mtu: number;
  readonly hairpinMode: boolean;
  readonly promiscMode: boolean;
  readonly portIsolation: boolean;
  readonly enableDad: boolean;
  readonly ipam: JsonObject;
  readonly dns: JsonObject;
};

export const bridgeKeys = [
  "bridge",
  "isGateway",
  "isDefaultGateway",
  "forceAddress",
  "ipMasq",
  "mtu",
  "hairpinMode",
  "promiscMode",
  "portIsolation",
  "enabledad",
  "vlan",
  "macspoofchk",
  "preserveDefaultVlan",
  "disableContainerInterface",
  "ipam",
  "dns",
];

const switches = [
  "isGateway",
  "isDefaultGateway",
  "forceAddress",
  "ipMasq",
  "hairpinMode",
  "promiscMode",
  "portIsolation",
  "enabledad",
];

const ipamKeys: ReadonlyMap<string, readonly string[]> = new Map([
  ["host-local", ["type", "subnet", "rangeStart", "rangeEnd", "gateway", "ranges", "routes", "dataDir"]],
  ["static", ["type", "addresses", "routes", "dns"]],
]);
const routeKeys = ["dst", "gw"];

/** Why this configuration needs the program; undefined if it does not. */
export function bridgeObstacle(config: JsonObject): string | undefined {
  const { bridge, mtu, vlan = 0, ipam, dns } = config;
  if (bridge !== undefined && typeof bridge !== "string") return '"bridge" is not a text';
  if (mtu !== undefined && !(Number.isInteger(mtu) && Number(mtu) >= 0)) return '"mtu" is not a number';
  if (vlan !== 0) return '"vlan" is set';
  for (const name of switches)
    if (config[name] !== undefined && typeof config[name] !== "boolean")
      return `"${name}" is not true or false`;
  for (const name of ["macspoofchk", "disableContainerInterface"])
    if (config[name] !== undefined && config[name] !== false) return `"${name}" is set`;
  if (dns !== undefined && !isRecord(dns)) return '"dns" is not an object';
  if (!isRecord(ipam)) return "it has no ipam";
  return ipamObstacle(ipam);
}

export function parseBridge(config: JsonObject): BridgeConfig {
  const { bridge = "cni0", mtu = 0, ipam, dns } = config;
  return {
    bridge: String(bridge),
    isGateway: config.isGateway === true || config.isDefaultGateway === true,
    isDefaultGateway: config.isDefaultGateway === true,
    forceAddress: config.forceAddress === true,
    ipMasq: config.ipMasq === true,
    mtu: Number(mtu),
    hairpinMode: config.hairpinMode === true,
    promiscMode: config.promiscMode === true,
    portIsolation: config.portIsolation === true,
    enableDad: config.enabledad === true,
    ipam: isRecord(ipam) ? ipam : {},
    dns: isRecord(dns) ? dns : {},
  };
}

/** The same for ADD. DEL must remove what it can with any configuration. Throws PluginFailure. */
export function parseBridgeToAdd(config: JsonObject): BridgeConfig {
  const parsed = parseBridge(config);
  if (parsed.hairpinMode && parsed.promiscMode)
    throw new PluginFailure("cannot set hairpin mode and promiscuous mode at the same time");
  return parsed;
}

function ipamObstacle(ipam: JsonObject): string | undefined {
  const { type, routes } = ipam;
  const keys = typeof type === "string" ? ipamKeys.get(type) : undefined;
  if (keys === undefined) return `its ipam is ${JSON.stringify(type)}`;
  const unknown = Object.keys(ipam).find((key) => !keys.includes(key));
  if (unknown !== undefined) return `the key "${unknown}" of its ipam is not supported`;
  const entries = Array.isArray(routes) ? routes : [];
  const option = entries.flatMap((route) => Object.keys(isRecord(route) ? route : {}));
  const further = option.find((key) => !routeKeys.includes(key));
  return further === undefined ? undefined : `the key "${further}" of a route is not supported`;
}
