import { LinuxError } from "../linux-error.ts";
import { attribute, nested, readAttributes, readText, text, u8, u32 } from "./attributes.ts";
import { NLM_F_CREATE, NLM_F_EXCL } from "./netlink-message.ts";
import type { NetlinkSocket } from "./netlink-socket.ts";

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;

const AF_BRIDGE = 7;
const IFLA = {
  address: 1,
  name: 3,
  mtu: 4,
  link: 5,
  master: 10,
  protinfo: 12,
  queueLength: 13,
  operState: 16,
  linkInfo: 18,
  alias: 20,
  netnsFd: 28,
  promiscuity: 30,
};
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const VETH_INFO_PEER = 1;
const IFLA_BRPORT_MODE = 4;
const IFLA_BRPORT_ISOLATED = 33;
const IFF_UP = 0x1;
const IFF_PROMISC = 0x100;
const IFF_ALLMULTI = 0x200;
const IF_OPER_UP = 6;
const headerBytes = 16;

/** A network interface, as the kernel reports it. */
export type Link = {
  readonly index: number;
  readonly name: string;
  /** Such as "bridge" or "veth"; empty for a device of hardware. */
  readonly kind: string;
  /** Such as "0a:58:0a:57:00:02". */
  readonly mac: string;
  readonly mtu: number;
  readonly isUp: boolean;
  /** It is up, and so is its other end. */
  readonly isOperational: boolean;
  readonly isPromiscuous: boolean;
  /** The bridge that it is a port of; 0 for none. */
  readonly masterIndex: number;
  /** For a veth, the index of the other end in its namespace; 0 for none. */
  readonly peerIndex: number;
  /** A description by its creator, for people and programs; may be empty. */
  readonly alias: string;
};

/** The kernel identifies a link by its index; the name is for errors. */
export type LinkName = Pick<Link, "index" | "name">;

export type VethPair = {
  readonly name: string;
  /** 0 leaves it to the kernel. */
  readonly mtu: number;
  readonly masterIndex: number;
  /** The other end, which is created in the network namespace of a descriptor, and is not up. */
  readonly peer: { readonly name: string; readonly netnsFd: number; readonly mac?: Buffer };
};

/** What is to change of a link; the rest stays. */
export type LinkChange = {
  readonly up?: boolean;
  readonly promiscuous?: boolean;
  /** Take packets to all multicast addresses. */
  readonly allMulticast?: boolean;
  /** In packets. */
  readonly queueLength?: number;
  readonly masterIndex?: number;
  readonly mtu?: number;
  readonly mac?: Buffer;
  /** At most 255 bytes. */
  readonly alias?: string;
};

/** Creates a bridge, which is not up. Throws LinuxError, EEXIST if a link has that name. */
export function addBridge(socket: NetlinkSocket, name: string, mtu: number): void {
  const info = nested(IFLA.linkInfo, text(IFLA_INFO_KIND, "bridge"));
  newLink(socket, name, [header({}), text(IFLA.name, name), ...mtuOf(mtu), info]);
}

/**
 * Creates an intermediate functional block, which is up: packets redirected to it pass its queue and continue
 * to their destination. Throws LinuxError, EEXIST if a link has that name.
 */
export function addIfb(socket: NetlinkSocket, name: string, mtu: number): void {
  const info = nested(IFLA.linkInfo, text(IFLA_INFO_KIND, "ifb"));
  const up = header({ flags: IFF_UP, change: IFF_UP });
  newLink(socket, name, [up, text(IFLA.name, name), ...mtuOf(mtu), info]);
}

/**
 * Creates a pair of virtual Ethernet devices in one step: this end up and a port of its bridge, the other one
 * already in its namespace. Throws LinuxError, EEXIST if one of the names is taken.
 */
export function addVethPair(socket: NetlinkSocket, { name, mtu, masterIndex, peer }: VethPair): void {
  const other = [
    header({}),
    text(IFLA.name, peer.name),
    ...mtuOf(mtu),
    ...(peer.mac === undefined ? [] : [attribute(IFLA.address, peer.mac)]),
    u32(IFLA.netnsFd, peer.netnsFd),
  ];
  const data = nested(IFLA_INFO_DATA, attribute(VETH_INFO_PEER, Buffer.concat(other)));
  const info = nested(IFLA.linkInfo, text(IFLA_INFO_KIND, "veth"), data);
  const master = masterIndex === 0 ? [] : [u32(IFLA.master, masterIndex)];
  const up = header({ flags: IFF_UP, change: IFF_UP });
  newLink(socket, name, [up, text(IFLA.name, name), ...mtuOf(mtu), ...master, info]);
}

/** Undefined if there is no link with that name. Throws LinuxError. */
export function linkByName(socket: NetlinkSocket, name: string): Link | undefined {
  return getLink(socket, [header({}), text(IFLA.name, name)], `link ${name}`);
}

/** Undefined if there is no link with that index. Throws LinuxError. */
export function linkByIndex(socket: NetlinkSocket, index: number): Link | undefined {
  return getLink(socket, [header({ index })], `link ${index}`);
}

/** All links of the socket's namespace. Throws LinuxError. */
export function listLinks(socket: NetlinkSocket): readonly Link[] {
  return socket.dump({ type: RTM_GETLINK, flags: 0, payload: header({}) }, "links").map(readLink);
}

/** Throws LinuxError. */
export function setLink(socket: NetlinkSocket, { index, name }: LinkName, change: LinkChange): void {
  const { up, promiscuous, allMulticast, masterIndex, mtu, mac, queueLength, alias } = change;
  const bits = [
    [up, IFF_UP],
    [promiscuous, IFF_PROMISC],
    [allMulticast, IFF_ALLMULTI],
  ] as const;
  const flags = bits.reduce((sum, [isOn, bit]) => sum | (isOn ? bit : 0), 0);
  const mask = bits.reduce((sum, [isOn, bit]) => sum | (isOn === undefined ? 0 : bit), 0);
  const payload = Buffer.concat([
    header({ index, flags, change: mask }),
    ...(mtu === undefined ? [] : [u32(IFLA.mtu, mtu)]),
    ...(mac === undefined ? [] : [attribute(IFLA.address, mac)]),
    ...(queueLength === undefined ? [] : [u32(IFLA.queueLength, queueLength)]),
    ...(masterIndex === undefined ? [] : [u32(IFLA.master, masterIndex)]),
    // The kernel takes it with all its bytes, and adds the zero at its end.
    ...(alias === undefined ? [] : [attribute(IFLA.alias, Buffer.from(alias))]),
  ]);
  socket.request({ type: RTM_NEWLINK, flags: 0, payload }, `set link ${name}`);
}

/**
 * Options of a bridge port: send frames back to where they came from (hairpin), and isolation from other
 * isolated ports. Throws LinuxError.
 */
export function setBridgePort(
  socket: NetlinkSocket,
  { index, name }: Link,
  { hairpin, isolated }: { readonly hairpin: boolean; readonly isolated: boolean },
): void {
  const port = [u8(IFLA_BRPORT_MODE, Number(hairpin)), u8(IFLA_BRPORT_ISOLATED, Number(isolated))];
  const payload = Buffer.concat([header({ family: AF_BRIDGE, index }), nested(IFLA.protinfo, ...port)]);
  socket.request({ type: RTM_SETLINK, flags: 0, payload }, `set bridge port ${name}`);
}

/**
 * Removes a link, with a veth both ends. This takes the kernel 10 to 30 ms, mostly waiting, hence the thread
 * of libuv's pool. Not an error if the link does not exist. Throws LinuxError.
 */
export async function deleteLink(socket: NetlinkSocket, { index, name }: LinkName): Promise<void> {
  try {
    await socket.requestAsync(
      { type: RTM_DELLINK, flags: 0, payload: header({ index }) },
      `delete link ${name}`,
    );
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

function newLink(socket: NetlinkSocket, name: string, parts: readonly Buffer[]): void {
  const flags = NLM_F_CREATE | NLM_F_EXCL;
  socket.request({ type: RTM_NEWLINK, flags, payload: Buffer.concat(parts) }, `add link ${name}`);
}

function mtuOf(mtu: number): readonly Buffer[] {
  return mtu === 0 ? [] : [u32(IFLA.mtu, mtu)];
}

function getLink(socket: NetlinkSocket, parts: readonly Buffer[], subject: string): Link | undefined {
  try {
    const [found] = socket.request({ type: RTM_GETLINK, flags: 0, payload: Buffer.concat(parts) }, subject);
    return found === undefined ? undefined : readLink(found);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof LinuxError && error.errno === "ENODEV";
}

/** struct ifinfomsg */
function header(of: {
  readonly family?: number;
  readonly index?: number;
  readonly flags?: number;
  readonly change?: number;
}): Buffer {
  const bytes = Buffer.alloc(headerBytes);
  bytes.writeUInt8(of.family ?? 0, 0);
  bytes.writeInt32LE(of.index ?? 0, 4);
  bytes.writeUInt32LE(of.flags ?? 0, 8);
  bytes.writeUInt32LE(of.change ?? 0, 12);
  return bytes;
}

function readLink(payload: Buffer): Link {
  const flags = payload.readUInt32LE(8);
  const attributes = readAttributes(payload.subarray(headerBytes));
  const info = readAttributes(attributes.get(IFLA.linkInfo) ?? Buffer.alloc(0));
  const number = (type: number) => attributes.get(type)?.readUInt32LE() ?? 0;
  return {
    index: payload.readInt32LE(4),
    name: readText(attributes.get(IFLA.name)),
    kind: readText(info.get(IFLA_INFO_KIND)),
    mac: macText(attributes.get(IFLA.address)),
    mtu: number(IFLA.mtu),
    isUp: (flags & IFF_UP) !== 0,
    isOperational: attributes.get(IFLA.operState)?.readUInt8() === IF_OPER_UP,
    isPromiscuous: number(IFLA.promiscuity) !== 0,
    masterIndex: number(IFLA.master),
    peerIndex: number(IFLA.link),
    alias: readText(attributes.get(IFLA.alias)),
  };
}

function macText(bytes: Buffer | undefined): string {
  return (bytes?.toString("hex").match(/../g) ?? []).join(":");
}
