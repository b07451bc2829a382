import { attribute, nested, text, u32 } from "./attributes.ts";
import type { Link } from "./links.ts";
import { NLM_F_CREATE, NLM_F_EXCL } from "./netlink-message.ts";
import type { NetlinkSocket } from "./netlink-socket.ts";

const RTM_NEWQDISC = 36;
const RTM_NEWTFILTER = 44;
const TCA = { kind: 1, options: 2 };
const TCA_TBF = { parameters: 1, rate64: 4, burst: 6 };
const TCA_U32 = { class: 1, selector: 5, actions: 7 };
const TCA_ACT = { kind: 1, options: 2 };
const TCA_MIRRED_PARMS = 2;
const TCA_EGRESS_REDIR = 1;
const TC_ACT_STOLEN = 4;
const TC_H_ROOT = 0xffffffff;
const TC_H_INGRESS = 0xfffffff1;
const TC_U32_TERMINAL = 1;
const TC_LINKLAYER_ETHERNET = 1;
const rootHandle = 0x10000;
const ingressHandle = 0xffff0000;
/** What a filter is first asked for and looks at: priority 1, packets of every protocol (ETH_P_ALL). */
const firstOfAllProtocols = (1 << 16) | 0x0300;
const headerBytes = 20;
const largest = 2 ** 32 - 1;

export type TokenBucket = {
  readonly bytesPerSecond: number;
  /** What may pass at once after a pause; at most 2 ** 32 - 1, as all that follows. */
  readonly burstBytes: number;
  /** What waits at most; the rest is dropped. */
  readonly queueBytes: number;
};

/**
 * Lets no more packets out of a link than a token bucket has room for (tc-tbf(8)). Throws LinuxError, EEXIST
 * when the link has such a queue, ENOENT where the kernel knows none.
 */
export function addTokenBucket(socket: NetlinkSocket, link: Link, bucket: TokenBucket): void {
  const options = nested(
    TCA.options,
    attribute(TCA_TBF.parameters, parametersOf(bucket)),
    attribute(TCA_TBF.rate64, u64(bucket.bytesPerSecond)),
    // In the parameters it is a time, in which a large one of a small rate has no room.
    u32(TCA_TBF.burst, bucket.burstBytes),
  );
  const head = header({ index: link.index, handle: rootHandle, parent: TC_H_ROOT });
  newQueue(socket, [head, text(TCA.kind, "tbf"), options], `limit what ${link.name} sends`);
}

/**
 * Redirects everything that one link receives to another, which returns it: so that incoming packets can be
 * queued. Throws LinuxError, EEXIST if incoming packets are already filtered.
 */
export function redirectIncoming(socket: NetlinkSocket, from: Link, to: Link): void {
  const subject = `redirect what comes in by ${from.name}`;
  const queue = header({ index: from.index, handle: ingressHandle, parent: TC_H_INGRESS });
  newQueue(socket, [queue, text(TCA.kind, "ingress")], subject);
  const action = [text(TCA_ACT.kind, "mirred"), nested(TCA_ACT.options, redirectionTo(to))];
  const options = nested(
    TCA.options,
    u32(TCA_U32.class, rootHandle | 1),
    attribute(TCA_U32.selector, everything()),
    nested(TCA_U32.actions, nested(1, ...action)),
  );
  const head = header({ index: from.index, parent: ingressHandle, info: firstOfAllProtocols });
  const payload = Buffer.concat([head, text(TCA.kind, "u32"), options]);
  socket.request({ type: RTM_NEWTFILTER, flags: NLM_F_CREATE | NLM_F_EXCL, payload }, subject);
}

function newQueue(socket: NetlinkSocket, parts: readonly Buffer[], subject: string): void {
  const flags = NLM_F_CREATE | NLM_F_EXCL;
  socket.request({ type: RTM_NEWQDISC, flags, payload: Buffer.concat(parts) }, subject);
}

/** struct tcmsg */
function header(of: {
  readonly index: number;
  readonly handle?: number;
  readonly parent: number;
  readonly info?: number;
}): Buffer {
  const bytes = Buffer.alloc(headerBytes);
  bytes.writeInt32LE(of.index, 4);
  bytes.writeUInt32LE(of.handle ?? 0, 8);
  bytes.writeUInt32LE(of.parent, 12);
  bytes.writeUInt32LE(of.info ?? 0, 16);
  return bytes;
}

/** struct tc_tbf_qopt: two of struct tc_ratespec, of which the second is unused, then three numbers. */
function parametersOf({ bytesPerSecond, queueBytes }: TokenBucket): Buffer {
  const bytes = Buffer.alloc(36);
  bytes.writeUInt8(TC_LINKLAYER_ETHERNET, 1);
  bytes.writeUInt32LE(Math.min(bytesPerSecond, largest), 8);
  bytes.writeUInt32LE(Math.min(queueBytes, largest), 24);
  return bytes;
}

/** struct tc_u32_sel with one key, which every packet matches. */
function everything(): Buffer {
  const bytes = Buffer.alloc(16 + 16);
  bytes.writeUInt8(TC_U32_TERMINAL, 0);
  bytes.writeUInt8(1, 2);
  return bytes;
}

/** struct tc_mirred */
function redirectionTo({ index }: Link): Buffer {
  const bytes = Buffer.alloc(28);
  bytes.writeInt32LE(TC_ACT_STOLEN, 8);
  bytes.writeInt32LE(TCA_EGRESS_REDIR, 20);
  bytes.writeUInt32LE(index, 24);
  return attribute(TCA_MIRRED_PARMS, bytes);
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
