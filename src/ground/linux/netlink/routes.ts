import { familyOf, type IpPrefix } from "./addresses.ts";
import { attribute, readAttributes, u32 } from "./attributes.ts";
import { NLM_F_APPEND, NLM_F_CREATE } from "./netlink-message.ts";
import type { NetlinkSocket } from "./netlink-socket.ts";

const RTM_NEWROUTE = 24;
const RTM_GETROUTE = 26;
const RTA = { destination: 1, outputLink: 4, gateway: 5, priority: 6, table: 15 };
const RT_TABLE_MAIN = 254;
const RTPROT_BOOT = 3;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RTN_UNICAST = 1;
const headerBytes = 12;

export type Route = {
  readonly destination: IpPrefix;
  readonly linkIndex: number;
  readonly gateway?: Uint8Array;
  /** The metric; 0 leaves it to the kernel. */
  readonly priority?: number;
  readonly table?: number;
  readonly scope?: number;
};

/** Adds a route, in addition to others to the same destination. Throws LinuxError, EEXIST. */
export function addRoute(socket: NetlinkSocket, route: Route): void {
  const { destination, linkIndex, gateway, priority = 0, table = RT_TABLE_MAIN } = route;
  const scope = route.scope ?? (gateway === undefined ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE);
  const payload = Buffer.concat([
    header(destination, scope),
    ...(destination.prefixLength === 0 ? [] : [attribute(RTA.destination, destination.address)]),
    u32(RTA.outputLink, linkIndex),
    u32(RTA.table, table),
    ...(gateway === undefined ? [] : [attribute(RTA.gateway, gateway)]),
    ...(priority === 0 ? [] : [u32(RTA.priority, priority)]),
  ]);
  socket.request({ type: RTM_NEWROUTE, flags: NLM_F_CREATE | NLM_F_APPEND, payload }, "add route");
}

/** Destinations of the routes of all tables, and their links; 0 for none or several. Throws LinuxError. */
export function listRoutedPrefixes(
  socket: NetlinkSocket,
): readonly (IpPrefix & { readonly linkIndex: number })[] {
  const payload = Buffer.alloc(headerBytes);
  const found = socket.dump({ type: RTM_GETROUTE, flags: 0, payload }, "routes");
  return found.map((entry) => {
    const attributes = readAttributes(entry.subarray(headerBytes));
    const address = attributes.get(RTA.destination) ?? Buffer.alloc(entry.readUInt8(0) === 2 ? 4 : 16);
    const linkIndex = attributes.get(RTA.outputLink)?.readUInt32LE() ?? 0;
    return { address, prefixLength: entry.readUInt8(1), linkIndex };
  });
}

/** struct rtmsg; the table is told by its attribute, which has room for its number. */
function header({ address, prefixLength }: IpPrefix, scope: number): Buffer {
  const bytes = Buffer.alloc(headerBytes);
  bytes.writeUInt8(familyOf(address), 0);
  bytes.writeUInt8(prefixLength, 1);
  bytes.writeUInt8(RTPROT_BOOT, 5);
  bytes.writeUInt8(scope, 6);
  bytes.writeUInt8(RTN_UNICAST, 7);
  return bytes;
}
