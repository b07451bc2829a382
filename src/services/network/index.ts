/**
 * Pod networks, with the Container Network Interface (CNI, https://www.cni.dev/docs/spec/).
 *
 * Terms: a *network* is a named chain of *plugins* (programs), described by a file in the configuration
 * directory; an *attachment* is a pod sandbox on its networks, created by ADD and removed by DEL. A *result*
 * is what ADD returns: interfaces and addresses. *Capabilities* are what a plugin declares that it wants to
 * know about a pod.
 *
 * Plugins are programs, or *built in* (`builtin/`): a thread does over netlink what the standard programs
 * would do, without starting a process. An attachment is removed by whatever created it. The *default
 * network* is berth's own, for pods of a machine on which no network is configured.
 *
 * It must not create or remove network namespaces, bring up the loopback interface, or be called for pods on
 * the host's network: it gets the path of a prepared namespace, and runs plugins.
 */
export { builtinObstacle } from "./builtin/builtin-plugins.ts";
export {
  formatIp,
  formatNetwork,
  type IpAddress,
  type IpNetwork,
  ipBytes,
  isWithin,
  lastAddress,
  maskBytes,
  networkAddress,
  parseIp,
  parseIpNetwork,
  plus,
} from "./builtin/ip-address.ts";
export { usedPrefixes } from "./builtin/used-prefixes.ts";
export { CniNetwork, type CniNetworkOptions } from "./cni-network.ts";
export { defaultNetworkName, hasIpv6 } from "./default-network.ts";
export { type DefaultNetworkFacts, lookAtDefaultNetwork } from "./default-network-facts.ts";
export { chooseSubnets } from "./default-subnets.ts";
export { unusableProgram } from "./executables.ts";
export { type InstanceNames, instanceNames } from "./instance.ts";
export {
  type AttachedNetworkResult,
  defaultInterface,
  type Network,
  type NetworkResult,
  type NetworkStatus,
  type PodAttachment,
  type PortMapping,
  type PreparedNetwork,
} from "./network.ts";
export { NetworkError } from "./network-error.ts";
export type { IpPreference } from "./pod-addresses.ts";
