import { existsSync, writeFileSync } from "node:fs";
import { messageOf } from "../../../ground/errors/index.ts";
import { isRecord, type JsonObject } from "../../../ground/json/index.ts";
import {
  inNetworkNamespace,
  type LinkChange,
  linkByName,
  NetlinkSocket,
  partsOfSysctl,
  setLink,
} from "../../../ground/linux/index.ts";
import type { BuiltinPlugin, PluginCall, PluginTools } from "./plugin.ts";
import { PluginFailure } from "./plugin-failure.ts";
import type { AddResult } from "./result.ts";

/** Administrators restrict sysctls here with Go patterns, which only the program can read. */
const allowList = "/etc/cni/tuning/allowlist.conf";

/** Sets sysctls and properties of a pod's interface and network namespace. */
export const tuningPlugin: BuiltinPlugin = {
  keys: ["sysctl", "mac", "mtu", "promisc", "allmulti", "txQLen", "dataDir"],
  obstacle,
  add,
  // All settings disappear with the pod's interface and namespace.
  delete: async () => [],
};

function obstacle(config: JsonObject): string | undefined {
  const { sysctl, mac, mtu, promisc, allmulti, txQLen } = config;
  const isCount = (value: unknown) => Number.isInteger(value) && Number(value) >= 0;
  const checks: readonly (readonly [string, unknown, (value: unknown) => boolean])[] = [
    ["sysctl", sysctl, (value) => isRecord(value) && Object.values(value).every(isText)],
    ["mac", mac, (value) => value === "" || macBytes(value) !== undefined],
    ["mtu", mtu, isCount],
    ["txQLen", txQLen, isCount],
    ["promisc", promisc, isSwitch],
    ["allmulti", allmulti, isSwitch],
  ];
  const wrong = checks.find(([, value, isRight]) => value !== undefined && value !== null && !isRight(value));
  if (wrong !== undefined) return `"${wrong[0]}" is ${JSON.stringify(wrong[1])}`;
  return isRecord(sysctl) && existsSync(allowList) ? `${allowList} restricts sysctls` : undefined;
}

async function add(
  call: PluginCall,
  previous: AddResult | undefined,
  tools: PluginTools,
): Promise<AddResult> {
  if (previous === undefined) throw new PluginFailure("Required prevResult missing");
  tools.step("tuning");
  const { config, netnsPath, ifName } = call;
  const { sysctl } = config;
  if (isRecord(sysctl)) inNetworkNamespace(netnsPath, () => setSysctls(sysctl, ifName));
  const change = changeOf(config);
  if (Object.keys(change).length === 0) return previous;
  using route = NetlinkSocket.open("route", netnsPath);
  const link = linkByName(route, ifName);
  if (link === undefined) throw new PluginFailure(`failed to get ${JSON.stringify(ifName)}: it is gone`);
  setLink(route, link, change);
  if (change.mac === undefined) return previous;
  const mac = linkByName(route, ifName)?.mac ?? link.mac;
  const interfaces = previous.interfaces.map((each) => (each.name === ifName ? { ...each, mac } : each));
  return { ...previous, interfaces };
}

/** In the pod's namespace. "IFNAME" in a name stands for the pod's interface. */
function setSysctls(sysctls: JsonObject, ifName: string): void {
  for (const [name, value] of Object.entries(sysctls)) {
    const [top, ...parts] = partsOfSysctl(name);
    if (top !== "net") throw new PluginFailure(`invalid net sysctl key: ${JSON.stringify(name)}`);
    const below = parts.map((part) => part.replace("IFNAME", ifName));
    try {
      writeFileSync(`/proc/sys/net/${below.join("/")}`, String(value));
    } catch (cause) {
      throw new PluginFailure(`failed to set sysctl ${name}: ${messageOf(cause)}`, { cause });
    }
  }
}

function changeOf({ mac, mtu, promisc, allmulti, txQLen }: JsonObject): LinkChange {
  const address = macBytes(mac);
  return {
    ...(address !== undefined && { mac: address }),
    ...(typeof mtu === "number" && mtu > 0 && { mtu }),
    ...(promisc === true && { promiscuous: true }),
    ...(typeof allmulti === "boolean" && { allMulticast: allmulti }),
    ...(typeof txQLen === "number" && { queueLength: txQLen }),
  };
}

function macBytes(value: unknown): Buffer | undefined {
  if (typeof value !== "string" || !/^(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$/.test(value)) return undefined;
  return Buffer.from(value.replaceAll(":", ""), "hex");
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}

function isSwitch(value: unknown): boolean {
  return typeof value === "boolean";
}
