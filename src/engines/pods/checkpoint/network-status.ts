import { isIP } from "node:net";
import type { AttachedNetworkResult } from "../../../services/network/index.ts";

/** A container's networks in Podman's format: for each network, its interfaces by name. */
export type NetworkStatusDump = Readonly<
  Record<string, { readonly interfaces: Readonly<Record<string, DumpedInterface>> }>
>;

type DumpedInterface = {
  readonly subnets: readonly { readonly ipnet: string; readonly gateway?: string }[];
  readonly mac_address: string;
};

/** CNI's result (specification, section 5), which may be any object. */
type Result = {
  readonly interfaces?: readonly { readonly name?: unknown; readonly mac?: unknown }[];
  readonly ips?: readonly {
    readonly address?: unknown;
    readonly gateway?: unknown;
    readonly interface?: unknown;
  }[];
};

/** A pod's CNI results in the format of an archive's `network.status`. */
export function networkStatus(networks: readonly AttachedNetworkResult[]): NetworkStatusDump {
  return Object.fromEntries(
    networks.map(({ network, interface: name, result }) => [
      network,
      { interfaces: { [name]: interfaceOf(name, (result ?? {}) as Result) } },
    ]),
  );
}

/** An address without an interface is on the requested one. */
function interfaceOf(name: string, { interfaces = [], ips = [] }: Result): DumpedInterface {
  const own = ips.filter(
    ({ interface: at }) =>
      typeof at !== "number" || interfaces[at]?.name === name || interfaces[at] === undefined,
  );
  return {
    subnets: own.flatMap(({ address, gateway }) =>
      typeof address !== "string"
        ? []
        : [{ ipnet: address, ...(typeof gateway === "string" && isIP(gateway) > 0 && { gateway }) }],
    ),
    mac_address: String(interfaces.find((one) => one.name === name)?.mac ?? ""),
  };
}
