import { isRecord, type JsonObject } from "../../../ground/json/index.ts";
import { type IpNetwork, parseIp } from "./ip-address.ts";
import type { BuiltinPlugin, LeftLink, PluginCall, PluginTools } from "./plugin.ts";
import { PluginFailure } from "./plugin-failure.ts";
import { type PortRedirect, portElement } from "./port-redirect.ts";
import type { AddResult } from "./result.ts";
import { writeSetting } from "./settings.ts";

/** The mark bit that both implementations use, so a configuration may name it. */
const defaultMarkBit = 13;

/** Forwards ports of the machine to pods. */
export const portmapPlugin: BuiltinPlugin = {
  keys: ["snat", "markMasqBit", "conditionsV4", "conditionsV6"],
  obstacle,
  add,
  restore,
  delete: remove,
};

function obstacle(config: JsonObject): string | undefined {
  const { snat = true, markMasqBit = defaultMarkBit } = config;
  if (snat !== true) return '"snat" is off';
  if (markMasqBit !== defaultMarkBit) return '"markMasqBit" is set';
  const conditioned = ["conditionsV4", "conditionsV6"].find((key) => !isEmptyList(config[key]));
  return conditioned === undefined ? undefined : `"${conditioned}" is set`;
}

async function add(
  call: PluginCall,
  previous: AddResult | undefined,
  tools: PluginTools,
): Promise<AddResult> {
  if (previous === undefined) throw new PluginFailure("must be called as chained plugin");
  const pods = podAddresses(call, previous);
  const redirects = redirectsOf(call, pods);
  if (redirects.length === 0) return previous;
  tools.step("ports");
  tools.rules.redirect(call, redirects);
  // Connections from 127.0.0.0/8 may leave the machine only with this setting.
  const [bridge] = previous.interfaces;
  if (bridge?.sandbox === "" && pods.some(({ address }) => address.family === 4))
    writeSetting(`net/ipv4/conf/${bridge.name}/route_localnet`, "1");
  return previous;
}

function restore(call: PluginCall, result: AddResult, { rules }: PluginTools): void {
  const redirects = redirectsOf(call, podAddresses(call, result));
  if (redirects.length > 0) rules.redirect(call, redirects);
}

async function remove(
  call: PluginCall,
  result: AddResult | undefined,
  tools: PluginTools,
): Promise<readonly LeftLink[]> {
  tools.step("undo ports");
  // If a pod's record is lost, its ports are unknown.
  if (result !== undefined && !Array.isArray(call.runtimeConfig.portMappings)) return [];
  const known = result === undefined ? [] : redirectsOf(call, podAddresses(call, result));
  tools.rules.forgetPorts(call, known);
  return [];
}

/** The pod's first address of each family on the interface. */
function podAddresses({ ifName }: PluginCall, { ips, interfaces }: AddResult): readonly IpNetwork[] {
  const own = ips.filter(({ interface: index }) => {
    const owner = index === undefined ? undefined : interfaces[index];
    return owner === undefined || (owner.name === ifName && owner.sandbox !== "");
  });
  return ([4, 6] as const).flatMap((family) => {
    const first = own.find(({ address }) => address.address.family === family);
    return first === undefined ? [] : [first.address];
  });
}

function redirectsOf({ runtimeConfig }: PluginCall, pods: readonly IpNetwork[]): readonly PortRedirect[] {
  const mappings = Array.isArray(runtimeConfig.portMappings) ? runtimeConfig.portMappings : [];
  const all = mappings.filter(isRecord).flatMap((mapping): readonly PortRedirect[] => {
    const { hostPort, containerPort, protocol } = mapping;
    const hostIp = hostIpOf(mapping);
    const common = {
      protocol: protocolOf(protocol),
      hostPort: portOf(hostPort, "host"),
      podPort: portOf(containerPort, "container"),
    };
    return pods
      .filter(({ address }) => hostIp === undefined || hostIp.family === address.family)
      .map((pod) => ({ ...common, pod, hostIp: hostIp?.value === 0n ? undefined : hostIp }));
  });
  return firstOfEach(all);
}

/** Of several ports of the pod for one of this machine, the first one counts, as with the program. */
function firstOfEach(redirects: readonly PortRedirect[]): readonly PortRedirect[] {
  const byElement = redirects.toReversed().map((redirect) => {
    const { set, key } = portElement(redirect);
    return [`${set} ${key.toString("hex")}`, redirect] as const;
  });
  return [...new Map(byElement).values()];
}

function hostIpOf({ hostIP }: JsonObject) {
  if (hostIP === undefined || hostIP === "") return undefined;
  const parsed = parseIp(hostIP);
  if (parsed === undefined) throw new PluginFailure(`invalid host IP ${JSON.stringify(hostIP)}`);
  return parsed;
}

function protocolOf(value: unknown): PortRedirect["protocol"] {
  if (value === "tcp" || value === "udp" || value === "sctp") return value;
  throw new PluginFailure(`unknown protocol ${JSON.stringify(value)}`);
}

function portOf(value: unknown, whose: string): number {
  if (typeof value === "number" && Number.isInteger(value) && value > 0 && value < 65_536) return value;
  throw new PluginFailure(`Invalid ${whose} port number: ${JSON.stringify(value)}`);
}

function isEmptyList(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0);
}
