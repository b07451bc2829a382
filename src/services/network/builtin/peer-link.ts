import { type Link, linkByIndex, type NetlinkSocket } from "../../../ground/linux/index.ts";

/**
 * The end on the host of a pod's veth; undefined where it has none. Indexes are those of two namespaces, so a
 * link on the host may have the number by chance.
 */
export function peerOf(inside: Link, route: NetlinkSocket): Link | undefined {
  const outside = inside.peerIndex === 0 ? undefined : linkByIndex(route, inside.peerIndex);
  return outside?.kind === "veth" && outside.peerIndex === inside.index ? outside : undefined;
}
