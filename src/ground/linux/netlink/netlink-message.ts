import { aligned, readAttributes, readText } from "./attributes.ts";

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
/** Of a GET: all of them. */
export const NLM_F_DUMP = 0x300;
/** Of a NEW: fail with EEXIST when it is there. */
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
/** Of a NEW: behind what is there, not in its place. */
export const NLM_F_APPEND = 0x800;

const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_DUMP_INTR = 0x10;
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;
const NLMSGERR_ATTR_MSG = 1;
const headerBytes = 16;

/** A request to the kernel: `type` and `flags` as in its headers, followed by the rest. */
export type NetlinkRequest = { readonly type: number; readonly flags: number; readonly payload: Buffer };

/**
 * The kernel's reply to the request with that `sequence`. `interrupted`: what a dump lists has changed
 * meanwhile.
 */
export type NetlinkReply = { readonly sequence: number } & (
  | { readonly kind: "data"; readonly payload: Buffer; readonly interrupted: boolean }
  | { readonly kind: "done"; readonly interrupted: boolean }
  /** `errno` is 0 for an acknowledgement; `reason` is the kernel's explanation, where it has one. */
  | { readonly kind: "result"; readonly errno: number; readonly reason: string }
);

/** struct nlmsghdr and what follows it. */
export function encodeMessage({ type, flags, payload }: NetlinkRequest, sequence: number): Buffer {
  const length = headerBytes + payload.length;
  const bytes = Buffer.alloc(aligned(length));
  bytes.writeUInt32LE(length, 0);
  bytes.writeUInt16LE(type, 4);
  bytes.writeUInt16LE(flags, 6);
  bytes.writeUInt32LE(sequence, 8);
  bytes.set(payload, headerBytes);
  return bytes;
}

/** The messages of one datagram. */
export function decodeMessages(bytes: Buffer): readonly NetlinkReply[] {
  const replies: NetlinkReply[] = [];
  for (let start = 0; start + headerBytes <= bytes.length; ) {
    const length = bytes.readUInt32LE(start);
    if (length < headerBytes) break;
    replies.push(decode(bytes.subarray(start, start + length)));
    start += aligned(length);
  }
  return replies;
}

function decode(bytes: Buffer): NetlinkReply {
  const type = bytes.readUInt16LE(4);
  const flags = bytes.readUInt16LE(6);
  const sequence = bytes.readUInt32LE(8);
  const payload = bytes.subarray(headerBytes);
  const interrupted = (flags & NLM_F_DUMP_INTR) !== 0;
  if (type === NLMSG_DONE) return doneOrFailed(sequence, payload, interrupted);
  if (type === NLMSG_ERROR) return { sequence, kind: "result", ...resultOf(payload, flags) };
  // The next datagram overwrites the buffer.
  return { sequence, kind: "data", payload: Buffer.from(payload), interrupted };
}

/** The end of a dump has its result code. */
function doneOrFailed(sequence: number, payload: Buffer, interrupted: boolean): NetlinkReply {
  const errno = payload.length < 4 ? 0 : -payload.readInt32LE(0);
  if (errno > 0) return { sequence, kind: "result", errno, reason: "" };
  return { sequence, kind: "done", interrupted };
}

/** struct nlmsgerr: the error, the request's header, the request unless it was left out, attributes. */
function resultOf(payload: Buffer, flags: number): { readonly errno: number; readonly reason: string } {
  const errno = -payload.readInt32LE(0);
  if ((flags & NLM_F_ACK_TLVS) === 0) return { errno, reason: "" };
  const requestBytes = (flags & NLM_F_CAPPED) === 0 ? payload.readUInt32LE(4) : headerBytes;
  const attributes = readAttributes(payload.subarray(4 + aligned(requestBytes)));
  return { errno, reason: readText(attributes.get(NLMSGERR_ATTR_MSG)) };
}
