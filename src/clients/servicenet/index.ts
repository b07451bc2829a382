/**
 * Services on one machine: stable addresses for pods, ports of the machine, and names.
 *
 * Terms: a *service* has *endpoints*, addresses and ports of pods. Its own address belongs to no interface:
 * the kernel forwards its connections to an endpoint (with this network's own nf_tables table, which is
 * replaced atomically at each change). A link without ports has the resolver's address and routes the
 * machine's own packets for the subnet to where they are forwarded. The *resolver* is authoritative for
 * `cluster.local` and forwards all other queries to the machine's name servers.
 *
 * It needs only pods' addresses, from any runtime, and knows no manifests and no pods.
 */

export { removeLeftServiceNetworks, serviceNetworkName } from "./names.ts";
export type { Endpoint, ServedPort, Service, ServiceProtocol } from "./service.ts";
export { ServiceNetwork, type ServiceNetworkOptions } from "./service-network.ts";
