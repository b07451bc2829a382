import { isIPv4, isIPv6 } from "node:net";
import type { CniResult } from "./cni-result.ts";
import type { NetworkResult } from "./network.ts";

/**
 * Which address of a pod comes first: the first IPv4 one, the first IPv6 one, or the first that the plugins
 * returned.
 */
export type IpPreference = "ipv4" | "ipv6" | "cni";

/** The plugins' result on one network, and the requested interface. */
export type NetworkOutcome = { readonly ifName: string; readonly result: CniResult };

/**
 * The pod's side of the results; the first network is the default one, and only its addresses are the pod's.
 */
export function podAddresses(outcomes: readonly NetworkOutcome[], preference: IpPreference): NetworkResult {
  const interfaces = outcomes.flatMap(podInterfaces);
  const primary = interfaces.find(({ name }) => name === outcomes[0]?.ifName);
  return { ips: inOrder(primary?.ips ?? [], preference), interfaces };
}

/** A result also has interfaces on the host, such as the bridge; they are left out, with their addresses. */
function podInterfaces({ ifName, result }: NetworkOutcome): NetworkResult["interfaces"] {
  const inPod = result.interfaces.filter(({ name, sandbox }) => sandbox !== "" || name === ifName);
  const known = inPod.some(({ name }) => name === ifName) ? inPod : [{ name: ifName, mac: "" }, ...inPod];
  return known.map(({ name, mac }) => ({ name, mac, ips: addressesOf(name, { ifName, result }) }));
}

function addressesOf(name: string, { ifName, result }: NetworkOutcome): readonly string[] {
  return result.ips
    .filter(({ interfaceIndex }) => {
      const owner = interfaceIndex === undefined ? ifName : result.interfaces[interfaceIndex]?.name;
      return owner === name;
    })
    .map(({ address }) => address);
}

function inOrder(ips: readonly string[], preference: IpPreference): readonly string[] {
  const preferred = { ipv4: isIPv4, ipv6: isIPv6, cni: () => true }[preference];
  const first = ips.find((ip) => preferred(ip));
  return first === undefined ? ips : [first, ...ips.filter((ip) => ip !== first)];
}
