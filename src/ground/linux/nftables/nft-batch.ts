import { networkU32 } from "../netlink/attributes.ts";
import { type NetlinkRequest, NLM_F_ACK, NLM_F_REQUEST } from "../netlink/netlink-message.ts";
import type { NetlinkSocket } from "../netlink/netlink-socket.ts";

const NFNL_SUBSYS_NFTABLES = 10;
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
/** `inet` is IPv4 and IPv6 in one table; tools that know one of them keep tables of `ip` and `ip6`. */
const families = { inet: 1, ip: 2, ip6: 10 };

export type TableFamily = keyof typeof families;

const NFNL_BATCH_GENID = 1;

/** A request to nf_tables about a table of `inet`; `type` is that of its subsystem. */
export function nftRequest(type: number, flags: number, ...attributes: readonly Buffer[]): NetlinkRequest {
  return familyRequest("inet", type, flags, ...attributes);
}

/** The same about a table of any family. */
export function familyRequest(
  family: TableFamily,
  type: number,
  flags: number,
  ...attributes: readonly Buffer[]
): NetlinkRequest {
  const payload = Buffer.concat([header(families[family], 0), ...attributes]);
  return { type: (NFNL_SUBSYS_NFTABLES << 8) | type, flags, payload };
}

/** A change in a {@link commit}; `subject` is its object in errors. */
export type NftChange = NetlinkRequest & { readonly subject: string };

/**
 * Applies changes to nf_tables in one step: all of them, or none. `generation`: that of the ruleset on which
 * they are based ({@link "./nft-tables.ts".generationOf}); ERESTART if somebody has changed rules since.
 * Throws LinuxError with the subject of the first change that the kernel refuses.
 */
export function commit(socket: NetlinkSocket, changes: readonly NftChange[], generation?: number): void {
  socket.sendAll(batch(changes, generation));
}

/** The same on a thread of libuv's pool, for the main thread. */
export async function commitAsync(
  socket: NetlinkSocket,
  changes: readonly NftChange[],
  generation?: number,
): Promise<void> {
  await socket.sendAllAsync(batch(changes, generation));
}

function batch(changes: readonly NftChange[], generation: number | undefined): readonly NftChange[] {
  const base = generation === undefined ? [] : [networkU32(NFNL_BATCH_GENID, generation)];
  const flags = NLM_F_REQUEST | NLM_F_ACK;
  return [
    border(NFNL_MSG_BATCH_BEGIN, base),
    ...changes.map((change) => ({ ...change, flags: change.flags | flags })),
    border(NFNL_MSG_BATCH_END, []),
  ];
}

function border(type: number, attributes: readonly Buffer[]): NftChange {
  const payload = Buffer.concat([header(0, NFNL_SUBSYS_NFTABLES), ...attributes]);
  return { type, flags: NLM_F_REQUEST, payload, subject: "changes of nf_tables" };
}

/** struct nfgenmsg */
export const nftHeaderBytes = 4;

function header(family: number, resource: number): Buffer {
  const bytes = Buffer.alloc(nftHeaderBytes);
  bytes.writeUInt8(family, 0);
  bytes.writeUInt16BE(resource, 2);
  return bytes;
}
