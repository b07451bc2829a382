import { isIP } from "node:net";
import type { AttachedNetworkResult } from "../../../services/network/index.ts";

/** Podman's form of what its networks gave a container: for each network its interfaces, by their names. */
export type NetworkStatusDump = Readonly<
  Record<string, { readonly interfaces: Readonly<Record<string, DumpedInterface>> }>
>;

type DumpedInterface = {
  readonly subnets: readonly { readonly ipnet: string; readonly gateway?: string }[];
  readonly mac_address: string;
};

/** CNI's result (specification, section 5), of which nothing is certain but that it is an object. */
type Result = {
  readonly interfaces?: readonly { readonly name?: unknown; readonly mac?: unknown }[];
  readonly ips?: readonly {
    readonly address?: unknown;
    readonly gateway?: unknown;
    readonly interface?: unknown;
  }[];
};

/** What CNI plugins said of a pod, as `network.status` of an archive says it. */
export function networkStatus(networks: readonly AttachedNetworkResult[]): NetworkStatusDump {
  return Object.fromEntries(
    networks.map(({ network, interface: name, result }) => [
      network,
      { interfaces: { [name]: interfaceOf(name, (result ?? {}) as Result) } },
    ]),
  );
}

/** An address that names no interface is on the one that was asked for. */
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
