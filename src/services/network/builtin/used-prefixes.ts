import {
  type IpPrefix,
  linkByName,
  listAllAddresses,
  listRoutedPrefixes,
  type NetlinkSocket,
} from "../../../ground/linux/index.ts";
import { type IpNetwork, ipOfBytes } from "./ip-address.ts";

/**
 * What this machine has addresses of, and routes to, but for those of one link: of a link that is down there
 * is no route, and a route may be to somewhere else.
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
