import { LinuxError } from "../linux-error.ts";
import { attribute, listAttributes, nested, readAttributes, u8, u32 } from "./attributes.ts";
import type { NetlinkSocket } from "./netlink-socket.ts";

const NFNL_SUBSYS_CTNETLINK = 1;
const GET = 1;
const DELETE = 2;
const CTA = { original: 1, id: 12, zone: 18, filter: 25 };
const CTA_TUPLE_PROTO = 2;
const PROTO = { number: 1, destinationPort: 3 };
const CTA_FILTER_ORIG_FLAGS = 1;
/** The filter looks at the protocol and its port of destination. */
const filterFlags = 0x8 | 0x20;
const headerBytes = 4;

/** Connections to a port, as who opened them addressed it. */
export type TrackedPort = {
  /** AF_INET or AF_INET6. */
  readonly family: number;
  /** Such as 17 (UDP). */
  readonly protocol: number;
  readonly port: number;
};

/**
 * Makes the kernel forget the connections to a port, so that their next packets pass through nat rules again;
 * otherwise a UDP connection stays tracked as long as packets come. `socket` is for netfilter. Throws
 * LinuxError.
 */
export function forgetConnections(socket: NetlinkSocket, tracked: TrackedPort): void {
  const { family, protocol, port } = tracked;
  const wanted = portBytes(port);
  const tuple = nested(
    CTA.original,
    nested(CTA_TUPLE_PROTO, u8(PROTO.number, protocol), attribute(PROTO.destinationPort, wanted)),
  );
  // Kernels before 5.8 have no filter, and list all connections.
  const filter = nested(CTA.filter, u32(CTA_FILTER_ORIG_FLAGS, filterFlags));
  const payload = Buffer.concat([header(family), tuple, filter]);
  const found = socket.dump({ type: messageType(GET), flags: 0, payload }, "tracked connections");
  for (const entry of found) {
    const attributes = new Map(listAttributes(entry.subarray(headerBytes)));
    const original = attributes.get(CTA.original);
    if (original !== undefined && isTo(original, protocol, wanted)) forget(socket, family, attributes);
  }
}

function isTo(original: Buffer, protocol: number, port: Buffer): boolean {
  const proto = readAttributes(readAttributes(original).get(CTA_TUPLE_PROTO) ?? Buffer.alloc(0));
  const number = proto.get(PROTO.number)?.readUInt8();
  return number === protocol && proto.get(PROTO.destinationPort)?.equals(port) === true;
}

/** The id distinguishes it from a new connection with the same addresses. */
function forget(socket: NetlinkSocket, family: number, attributes: ReadonlyMap<number, Buffer>): void {
  const parts = [CTA.original, CTA.id, CTA.zone].flatMap((type) => {
    const value = attributes.get(type);
    if (value === undefined) return [];
    return [type === CTA.original ? nested(type, value) : attribute(type, value)];
  });
  try {
    const payload = Buffer.concat([header(family), ...parts]);
    socket.request({ type: messageType(DELETE), flags: 0, payload }, "tracked connection");
  } catch (error) {
    if (!(error instanceof LinuxError && error.errno === "ENOENT")) throw error;
  }
}

function messageType(type: number): number {
  return (NFNL_SUBSYS_CTNETLINK << 8) | type;
}

function portBytes(port: number): Buffer {
  return Buffer.of(port >> 8, port & 0xff);
}

/** struct nfgenmsg */
function header(family: number): Buffer {
  const bytes = Buffer.alloc(headerBytes);
  bytes.writeUInt8(family, 0);
  return bytes;
}
