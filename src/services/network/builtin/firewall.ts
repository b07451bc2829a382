import { existsSync, readFileSync } from "node:fs";
import { isErrno } from "../../../ground/fs/index.ts";
import type { JsonObject } from "../../../ground/json/index.ts";
import { isolationRules } from "./forward-rules.ts";
import type { IpNetwork } from "./ip-address.ts";
import type { BuiltinPlugin, LeftLink, PluginCall, PluginTools } from "./plugin.ts";
import { PluginFailure } from "./plugin-failure.ts";
import type { AddResult } from "./result.ts";
import type { Rule } from "./rule-table.ts";

/** Only for the default network: the program, which does not know this key, admits nobody. */
export const publishedKey = "admitPublishedPorts";

const policies: readonly unknown[] = [undefined, "", "open", "same-bridge", "isolated"];

/** Lets pods' packets pass a filter that forwards nothing else, and isolates bridges. */
export const firewallPlugin: BuiltinPlugin = {
  keys: ["backend", "iptablesAdminChainName", "firewalldZone", "ingressPolicy"],
  obstacle,
  add,
  restore,
  delete: remove,
};

/**
 * Depends on this machine's current state: rules of firewalld, and of iptables without nf_tables, are not
 * visible here.
 */
function obstacle(config: JsonObject): string | undefined {
  const { backend = "", iptablesAdminChainName: admin = "CNI-ADMIN", ingressPolicy } = config;
  if (backend !== "" && backend !== "iptables") return `"backend" is ${JSON.stringify(backend)}`;
  if (admin !== "CNI-ADMIN" && admin !== "") return '"iptablesAdminChainName" is set';
  if (!policies.includes(ingressPolicy)) return `"ingressPolicy" is ${JSON.stringify(ingressPolicy)}`;
  if (backend === "" && existsSync("/run/firewalld.pid")) return "firewalld is running";
  return hasLegacyFilter() ? "this machine filters by iptables-legacy" : undefined;
}

async function add(
  call: PluginCall,
  previous: AddResult | undefined,
  tools: PluginTools,
): Promise<AddResult> {
  if (previous === undefined) throw new PluginFailure("missing prevResult from earlier plugin");
  tools.step("admittance");
  restore(call, previous, tools);
  return previous;
}

function restore(call: PluginCall, result: AddResult, { rules }: PluginTools): void {
  const published = call.config[publishedKey] === true;
  rules.admit(call, addressesOf(result), { published, isolation: isolationOf(call, result) });
}

async function remove(
  call: PluginCall,
  result: AddResult | undefined,
  tools: PluginTools,
): Promise<readonly LeftLink[]> {
  tools.step("undo admittance");
  tools.rules.dismiss(call, result === undefined ? [] : addressesOf(result));
  return [];
}

function addressesOf({ ips }: AddResult): readonly IpNetwork[] {
  return ips.map(({ address }) => address);
}

/** Isolates the result's first interface, the bridge. */
function isolationOf({ config }: PluginCall, { interfaces }: AddResult): readonly Rule[] {
  const { ingressPolicy } = config;
  const [bridge] = interfaces;
  if (ingressPolicy !== "same-bridge" && ingressPolicy !== "isolated") return [];
  return bridge === undefined ? [] : isolationRules(bridge.name, ingressPolicy === "isolated");
}

function hasLegacyFilter(): boolean {
  return ["ip", "ip6"].some((family) => {
    try {
      return readFileSync(`/proc/net/${family}_tables_names`, "utf8").split("\n").includes("filter");
    } catch (error) {
      if (isErrno(error, "ENOENT")) return false;
      throw error;
    }
  });
}
