import { isRecord, type JsonObject } from "../../../ground/json/index.ts";
import { type IpNetwork, parseIp, parseIpNetwork } from "./ip-address.ts";
import { PluginFailure } from "./plugin-failure.ts";
import type { ResultIp } from "./result.ts";

/** The addresses in the configuration, as from the program static. Throws PluginFailure. */
export function staticAddresses({ addresses }: JsonObject): readonly ResultIp[] {
  const entries = Array.isArray(addresses) ? addresses : [];
  return entries.map((entry) => {
    const fields = isRecord(entry) ? entry : {};
    const gateway = fields.gateway === undefined ? undefined : parseIp(fields.gateway);
    if (fields.gateway !== undefined && gateway === undefined)
      throw new PluginFailure(`invalid gateway ${JSON.stringify(fields.gateway)}`);
    return { address: addressOf(fields.address), gateway, interface: undefined };
  });
}

function addressOf(text: unknown): IpNetwork {
  const address = parseIpNetwork(text);
  if (address !== undefined) return address;
  throw new PluginFailure(`the 'address' field is expected to be in CIDR notation, got: '${String(text)}'`);
}
