import { createHash } from "node:crypto";
import { isRecord, type JsonObject } from "../../../ground/json/index.ts";
import {
  addIfb,
  addTokenBucket,
  deleteLink,
  type Link,
  linkByName,
  listLinks,
  NetlinkSocket,
  redirectIncoming,
  setLink,
  type TokenBucket,
} from "../../../ground/linux/index.ts";
import { peerOf } from "./peer-link.ts";
import type { Attached, BuiltinPlugin, LeftLink, PluginCall, PluginTools } from "./plugin.ts";
import { PluginFailure } from "./plugin-failure.ts";
import type { AddResult } from "./result.ts";

const limits = {
  ingress: { rate: "ingressRate", burst: "ingressBurst" },
  egress: { rate: "egressRate", burst: "egressBurst" },
} as const;
const keys = Object.values(limits).flatMap(({ rate, burst }) => [rate, burst]);

/** Maximum time that a packet waits in the queue. */
const latencySeconds = 0.025;

/** Maximum length of an interface name. */
const nameLength = 15;
const aliasLength = 255;

/**
 * Limits what a pod receives with a queue on the host's end of its link, and what it sends with a queue on an
 * ifb link, to which that end's incoming packets are redirected (tc-tbf(8)).
 */
export const bandwidthPlugin: BuiltinPlugin = {
  keys,
  obstacle: (config) => {
    const wrong = keys.find((key) => config[key] !== undefined && !isCount(config[key]));
    return wrong === undefined ? undefined : `"${wrong}" is ${JSON.stringify(config[wrong])}`;
  },
  add,
  delete: remove,
  collect,
};

async function add(
  call: PluginCall,
  previous: AddResult | undefined,
  tools: PluginTools,
): Promise<AddResult> {
  if (previous === undefined) throw new PluginFailure("must be called as chained plugin");
  const [ingress, egress] = [bucketOf(call, limits.ingress), bucketOf(call, limits.egress)];
  if (ingress === undefined && egress === undefined) return previous;
  const { route, step, mark } = tools;
  const host = hostLink(call, route);
  if (ingress !== undefined) {
    step("ingress limit");
    addTokenBucket(route, host, ingress);
  }
  if (egress === undefined) return previous;
  step("egress link");
  const name = egressLinkName(call);
  addIfb(route, name, host.mtu);
  const queue = linkByName(route, name);
  if (queue === undefined) throw new PluginFailure(`failed to lookup ${JSON.stringify(name)}: it is gone`);
  setLink(route, queue, { alias: aliasOf(mark, call.network, call) });
  step("egress limit");
  addTokenBucket(route, queue, egress);
  redirectIncoming(route, host, queue);
  return { ...previous, interfaces: [...previous.interfaces, { name, mac: queue.mac, sandbox: "" }] };
}

/**
 * The rest is removed with the pod's link. Nothing would remove this link later, so wait until it is removed.
 */
async function remove(
  call: PluginCall,
  _: AddResult | undefined,
  { route, step }: PluginTools,
): Promise<readonly LeftLink[]> {
  const link = linkByName(route, egressLinkName(call));
  step("undo egress link");
  if (link?.kind === "ifb") await deleteLink(route, link);
  return [];
}

/** Removes links of unknown pods. Others' links have names of the same form. */
async function collect(
  network: string,
  valid: readonly Attached[],
  { route, mark }: PluginTools,
): Promise<void> {
  const kept = new Set(valid.map((attached) => aliasOf(mark, network, attached)));
  const lost = listLinks(route).filter(
    ({ kind, alias }) => kind === "ifb" && alias.startsWith(aliasPrefix(mark, network)) && !kept.has(alias),
  );
  for (const link of lost) await deleteLink(route, link);
}

/** Identifies the link's owner, which its name does not. */
function aliasOf(mark: string, network: string, { containerId, ifName }: Attached): string {
  return `${aliasPrefix(mark, network)}${containerId} ${ifName}`.slice(0, aliasLength);
}

function aliasPrefix(mark: string, network: string): string {
  return `${mark} ${network} `;
}

/** The plugin program uses the same name, so that each can remove what the other created. */
function egressLinkName({ network, containerId }: PluginCall): string {
  const hash = createHash("sha512").update(`${network}${containerId}`).digest("hex");
  return `bwp${hash}`.slice(0, nameLength);
}

/** The network's configuration takes precedence over the pod's request. Throws PluginFailure. */
function bucketOf(
  { config, runtimeConfig }: PluginCall,
  of: { readonly rate: string; readonly burst: string },
): TokenBucket | undefined {
  const asked = isRecord(runtimeConfig.bandwidth) ? runtimeConfig.bandwidth : {};
  const source = keys.some((key) => config[key] !== undefined) ? config : asked;
  const [rate, burst] = [bitsOf(source, of.rate), bitsOf(source, of.burst)];
  if (burst === 0 && rate !== 0) throw new PluginFailure("if rate is set, burst must also be set");
  if (rate === 0 && burst !== 0) throw new PluginFailure("if burst is set, rate must also be set");
  if (rate === 0) return undefined;
  const burstBytes = Math.floor(burst / 8);
  if (burstBytes >= 2 ** 32 - 1) throw new PluginFailure("burst cannot be more than 4GB");
  const bytesPerSecond = Math.floor(rate / 8);
  return {
    bytesPerSecond,
    burstBytes,
    queueBytes: Math.floor(bytesPerSecond * latencySeconds) + burstBytes,
  };
}

function bitsOf(source: JsonObject, key: string): number {
  const value = source[key] ?? 0;
  if (!isCount(value)) throw new PluginFailure(`invalid ${key} ${JSON.stringify(value)}`);
  return value;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function hostLink({ netnsPath, ifName }: PluginCall, route: NetlinkSocket): Link {
  using pod = NetlinkSocket.open("route", netnsPath);
  const inside = linkByName(pod, ifName);
  const host = inside === undefined ? undefined : peerOf(inside, route);
  if (host === undefined) throw new PluginFailure(`container interface ${ifName} has no veth peer`);
  return host;
}
