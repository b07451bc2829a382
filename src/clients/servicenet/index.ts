/**
 * Services inside one machine: stable addresses that lead to pods, ports of the machine, and names.
 *
 * Terms: a *service* has *endpoints*, addresses and ports of pods. Its own address belongs to no interface:
 * the kernel sends its connections on to an endpoint (nf_tables, a table of this network alone, made anew as
 * a whole at each change, which the kernel does in one step). A link without ports has the resolver's address
 * and leads the machine's own packets for the subnet to where they are sent on. The *resolver* answers for
 * `cluster.local` and hands all other questions to the machine's name servers.
 *
 * It needs nothing but pods' addresses, whichever runtime made them, and knows no manifests and no pods.
 */

export { removeLeftServiceNetworks, serviceNetworkName } from "./names.ts";
export type { Endpoint, ServedPort, Service, ServiceProtocol } from "./service.ts";
export { ServiceNetwork, type ServiceNetworkOptions } from "./service-network.ts";
