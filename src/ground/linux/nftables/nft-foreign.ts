import { LinuxError } from "../linux-error.ts";
import { nested, readAttributes, text } from "../netlink/attributes.ts";
import { NLM_F_APPEND, NLM_F_CREATE } from "../netlink/netlink-message.ts";
import type { NetlinkSocket } from "../netlink/netlink-socket.ts";
import { familyRequest, type NftChange, nftHeaderBytes, type TableFamily } from "./nft-batch.ts";
import { comment, readComment } from "./nft-comment.ts";
import type { Expression } from "./nft-expressions.ts";
import { dumpUnlessMissing } from "./nft-tables.ts";

const NEWCHAIN = 3;
const GETCHAIN = 4;
const NEWRULE = 6;
const GETRULE = 7;
const CHAIN = { table: 1, name: 3 };
const RULE = { table: 1, chain: 2, expressions: 4, userData: 7 };
const LIST_ELEMENT = 1;

/** A chain in another program's table. */
export type ForeignChain = {
  readonly family: TableFamily;
  readonly table: string;
  readonly chain: string;
};

/** Throws LinuxError. */
export function hasChain(socket: NetlinkSocket, { family, table, chain }: ForeignChain): boolean {
  const place = [text(CHAIN.table, table), text(CHAIN.name, chain)];
  try {
    socket.request(familyRequest(family, GETCHAIN, 0, ...place), `chain ${chain}`);
    return true;
  } catch (error) {
    if (error instanceof LinuxError && error.errno === "ENOENT") return false;
    throw error;
  }
}

/** The notes of a chain's rules, in order; those of others have none mostly. Throws LinuxError. */
export function notesOfRules(
  socket: NetlinkSocket,
  { family, table, chain }: ForeignChain,
): readonly string[] {
  const request = familyRequest(family, GETRULE, 0, text(RULE.table, table), text(RULE.chain, chain));
  return dumpUnlessMissing(socket, request, `rules of chain ${chain}`)
    .map((payload) => readAttributes(payload.subarray(nftHeaderBytes)))
    .map((attributes) => readComment(attributes.get(RULE.userData)));
}

/** Creates a chain, if it does not exist, in an existing table. */
export function addForeignChain({ family, table, chain }: ForeignChain): NftChange {
  const place = [text(CHAIN.table, table), text(CHAIN.name, chain)];
  return { ...familyRequest(family, NEWCHAIN, NLM_F_CREATE, ...place), subject: `add chain ${chain}` };
}

/** Adds a rule before all others of a chain, or behind them. */
export function addForeignRule(
  { family, table, chain }: ForeignChain,
  place: "first" | "last",
  expressions: readonly Expression[],
  note: string,
): NftChange {
  const request = familyRequest(
    family,
    NEWRULE,
    NLM_F_CREATE | (place === "last" ? NLM_F_APPEND : 0),
    text(RULE.table, table),
    text(RULE.chain, chain),
    nested(RULE.expressions, ...expressions.map((expression) => nested(LIST_ELEMENT, expression))),
    comment(RULE.userData, note),
  );
  return { ...request, subject: `add a rule to chain ${chain}` };
}
