import type { JsonObject } from "../../../ground/json/index.ts";
import { type CniVersion, isAtLeast } from "../cni-version.ts";
import { formatIp, formatNetwork, type IpAddress, type IpNetwork } from "./ip-address.ts";

/** The result of ADD (CNI specification, section 5), independent of its version. */
export type AddResult = {
  readonly interfaces: readonly ResultInterface[];
  readonly ips: readonly ResultIp[];
  readonly routes: readonly ResultRoute[];
  /** As in the configuration. */
  readonly dns: JsonObject;
};

/** `sandbox` is empty for an interface on the host. */
export type ResultInterface = { readonly name: string; readonly mac: string; readonly sandbox: string };

export type ResultIp = {
  readonly address: IpNetwork;
  readonly gateway: IpAddress | undefined;
  /** Index into the list of interfaces. */
  readonly interface: number | undefined;
};

export type ResultRoute = { readonly destination: IpNetwork; readonly gateway: IpAddress | undefined };

/** The result as a plugin prints it for a configuration of that version. */
export function printedResult(result: AddResult, cniVersion: CniVersion): JsonObject {
  const { dns } = result;
  if (!isAtLeast(cniVersion, "0.3.0")) return { cniVersion, ...oldAddresses(result), dns };
  const hasFamily = !isAtLeast(cniVersion, "1.0.0");
  return {
    cniVersion,
    interfaces: result.interfaces.map(({ name, mac, sandbox }) => ({
      name,
      ...(mac !== "" && { mac }),
      ...(sandbox !== "" && { sandbox }),
    })),
    ips: result.ips.map(({ address, gateway, interface: index }) => ({
      ...(hasFamily && { version: String(address.address.family) }),
      ...(index !== undefined && { interface: index }),
      address: formatNetwork(address),
      ...printedGateway(gateway, "gateway"),
    })),
    ...(result.routes.length > 0 && { routes: result.routes.map(printedRoute) }),
    dns,
  };
}

/** Before version 0.3.0: one address of each family, with the routes of that family, and no interfaces. */
function oldAddresses({ ips, routes }: AddResult): JsonObject {
  const families = ([4, 6] as const).map((family) => {
    const ip = ips.find(({ address }) => address.address.family === family);
    if (ip === undefined) return {};
    const own = routes.filter(({ destination }) => destination.address.family === family);
    return {
      [`ip${family}`]: {
        ip: formatNetwork(ip.address),
        ...printedGateway(ip.gateway, "gateway"),
        ...(own.length > 0 && { routes: own.map(printedRoute) }),
      },
    };
  });
  return Object.assign({}, ...families);
}

function printedRoute({ destination, gateway }: ResultRoute): JsonObject {
  return { dst: formatNetwork(destination), ...printedGateway(gateway, "gw") };
}

function printedGateway(gateway: IpAddress | undefined, key: string): JsonObject {
  return gateway === undefined ? {} : { [key]: formatIp(gateway) };
}
