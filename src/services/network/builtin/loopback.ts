import { parseIpNetwork } from "./ip-address.ts";
import type { BuiltinPlugin, PluginCall } from "./plugin.ts";
import type { AddResult, ResultIp } from "./result.ts";

/** Does nothing: a pod's loopback interface is up before its networks are created, and stays up. */
export const loopbackPlugin: BuiltinPlugin = {
  keys: [],
  obstacle: () => undefined,
  add: async (call, previous) => previous ?? loopbackResult(call),
  delete: async () => [],
};

function loopbackResult({ sandbox }: PluginCall): AddResult {
  return {
    interfaces: [{ name: "lo", mac: "00:00:00:00:00:00", sandbox }],
    ips: ["127.0.0.1/8", "::1/128"].flatMap(loopbackIp),
    routes: [],
    dns: {},
  };
}

function loopbackIp(text: string): readonly ResultIp[] {
  const address = parseIpNetwork(text);
  return address === undefined ? [] : [{ address, gateway: undefined, interface: 0 }];
}
