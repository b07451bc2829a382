import { isRecord, type JsonObject } from "../../../ground/json/index.ts";
import { gatewayOf } from "./host-local.ts";
import { type IpNetwork, parseIpNetwork } from "./ip-address.ts";
import { PluginFailure } from "./plugin-failure.ts";
import type { ResultIp } from "./result.ts";

/** The addresses in the configuration, as from the program static. Throws PluginFailure. */
export function staticAddresses({ addresses }: JsonObject): readonly ResultIp[] {
  const entries = Array.isArray(addresses) ? addresses : [];
  return entries.map((entry) => {
    const { address, gateway } = isRecord(entry) ? entry : {};
    return { address: addressOf(address), gateway: gatewayOf(gateway), interface: undefined };
  });
}

function addressOf(text: unknown): IpNetwork {
  const address = parseIpNetwork(text);
  if (address !== undefined) return address;
  throw new PluginFailure(`the 'address' field is expected to be in CIDR notation, got: '${String(text)}'`);
}
