import {
  type IpPrefix,
  linkByName,
  listAllAddresses,
  listRoutedPrefixes,
  type NetlinkSocket,
} from "../../../ground/linux/index.ts";
import { type IpNetwork, ipOfBytes } from "./ip-address.ts";

/**
 * Prefixes that this machine has addresses in, or routes to, except for those of one link. Both are needed: a
 * link that is down has no routes, and routes lead to other networks, too.
 */
export function usedPrefixes(route: NetlinkSocket, exceptLink: string): readonly IpNetwork[] {
  const except = linkByName(route, exceptLink)?.index;
  return [...listAllAddresses(route), ...listRoutedPrefixes(route)]
    .filter(({ linkIndex }) => linkIndex !== except)
    .map(networkOf);
}

function networkOf({ address, prefixLength }: IpPrefix): IpNetwork {
  return { address: ipOfBytes(address), prefixLength };
}
