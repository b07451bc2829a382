import { LinuxError } from "../linux-error.ts";
import { attribute, readAttributes } from "./attributes.ts";
import type { LinkName } from "./links.ts";
import { NLM_F_CREATE, NLM_F_EXCL } from "./netlink-message.ts";
import type { NetlinkSocket } from "./netlink-socket.ts";

const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
const IFA = { address: 1, local: 2, broadcast: 4, flags: 8 };
const IFA_F_NODAD = 0x02;
const IFA_F_TENTATIVE = 0x40;
const headerBytes = 8;

/** Four bytes of IPv4 or sixteen of IPv6, and how many bits of them name the network. */
export type IpPrefix = { readonly address: Uint8Array; readonly prefixLength: number };

export type LinkAddress = IpPrefix & {
  readonly linkIndex: number;
  /** For IPv6: duplicate address detection is not finished, and the kernel does not use it yet. */
  readonly isTentative: boolean;
};

/**
 * Gives a link an address, with the broadcast address of its network. One of IPv6 that `isUnique` is used at
 * once: the kernel does not ask whether somebody else has it. Throws LinuxError, EEXIST.
 */
export function addAddress(
  socket: NetlinkSocket,
  link: LinkName,
  prefix: IpPrefix,
  { isUnique = false }: { readonly isUnique?: boolean } = {},
): void {
  const broadcast = broadcastOf(prefix);
  const payload = Buffer.concat([
    ...addressOf(link, prefix, isUnique ? IFA_F_NODAD : 0),
    ...(broadcast === undefined ? [] : [attribute(IFA.broadcast, broadcast)]),
  ]);
  const flags = NLM_F_CREATE | NLM_F_EXCL;
  socket.request({ type: RTM_NEWADDR, flags, payload }, `add address to ${link.name}`);
}

/** No error when the link does not have it. Throws LinuxError. */
export function deleteAddress(socket: NetlinkSocket, link: LinkName, prefix: IpPrefix): void {
  const payload = Buffer.concat(addressOf(link, prefix));
  try {
    socket.request({ type: RTM_DELADDR, flags: 0, payload }, `delete address of ${link.name}`);
  } catch (error) {
    if (!(error instanceof LinuxError && error.errno === "EADDRNOTAVAIL")) throw error;
  }
}

/** The addresses of all links of the socket's namespace. Throws LinuxError. */
export function listAllAddresses(socket: NetlinkSocket): readonly LinkAddress[] {
  const payload = header({ family: 0, prefixLength: 0, index: 0 });
  return socket.dump({ type: RTM_GETADDR, flags: 0, payload }, "addresses").map(readAddress);
}

/** The addresses of one link, of both families. Throws LinuxError. */
export function listAddresses(socket: NetlinkSocket, link: LinkName): readonly LinkAddress[] {
  const payload = header({ family: 0, prefixLength: 0, index: link.index });
  const found = socket.dump({ type: RTM_GETADDR, flags: 0, payload }, `addresses of ${link.name}`);
  // Kernels without this filter list the addresses of all links.
  return found.map(readAddress).filter(({ linkIndex }) => linkIndex === link.index);
}

function addressOf(link: LinkName, { address, prefixLength }: IpPrefix, flags = 0): readonly Buffer[] {
  const head = header({ family: familyOf(address), prefixLength, flags, index: link.index });
  return [head, attribute(IFA.local, address), attribute(IFA.address, address)];
}

/** AF_INET or AF_INET6. */
export function familyOf(address: Uint8Array): number {
  return address.length === 4 ? 2 : 10;
}

function broadcastOf({ address, prefixLength }: IpPrefix): Buffer | undefined {
  if (address.length !== 4 || prefixLength > 30) return undefined;
  const bytes = Buffer.from(address);
  bytes.writeUInt32BE((bytes.readUInt32BE() | (0xffffffff >>> prefixLength)) >>> 0);
  return bytes;
}

/** struct ifaddrmsg */
function header(of: {
  readonly family: number;
  readonly prefixLength: number;
  readonly flags?: number;
  readonly index: number;
}): Buffer {
  const bytes = Buffer.alloc(headerBytes);
  bytes.writeUInt8(of.family, 0);
  bytes.writeUInt8(of.prefixLength, 1);
  bytes.writeUInt8(of.flags ?? 0, 2);
  bytes.writeUInt32LE(of.index, 4);
  return bytes;
}

function readAddress(payload: Buffer): LinkAddress {
  const attributes = readAttributes(payload.subarray(headerBytes));
  const flags = attributes.get(IFA.flags)?.readUInt32LE() ?? payload.readUInt8(2);
  return {
    address: attributes.get(IFA.local) ?? attributes.get(IFA.address) ?? Buffer.alloc(0),
    prefixLength: payload.readUInt8(1),
    linkIndex: payload.readUInt32LE(4),
    isTentative: (flags & IFA_F_TENTATIVE) !== 0,
  };
}
