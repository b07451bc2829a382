import { type Link, linkByIndex, type NetlinkSocket } from "../../../ground/linux/index.ts";

/**
 * The host's end of a pod's veth; undefined if there is none. Indexes are per namespace, so an unrelated link
 * on the host may have the same number.
 */
export function peerOf(inside: Link, route: NetlinkSocket): Link | undefined {
  const outside = inside.peerIndex === 0 ? undefined : linkByIndex(route, inside.peerIndex);
  return outside?.kind === "veth" && outside.peerIndex === inside.index ? outside : undefined;
}
