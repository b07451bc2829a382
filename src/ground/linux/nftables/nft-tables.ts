import { LinuxError } from "../linux-error.ts";
import { listAttributes, nested, networkU32, readAttributes, readText, text } from "../netlink/attributes.ts";
import { NLM_F_APPEND, NLM_F_CREATE } from "../netlink/netlink-message.ts";
import type { NetlinkSocket } from "../netlink/netlink-socket.ts";
import { type NftChange, nftHeaderBytes, nftRequest } from "./nft-batch.ts";
import { comment, readComment } from "./nft-comment.ts";
import type { Expression } from "./nft-expressions.ts";

const NEWTABLE = 0;
const GETTABLE = 1;
const DELTABLE = 2;
const NEWCHAIN = 3;
const NEWRULE = 6;
const GETRULE = 7;
const DELRULE = 8;
const GETGEN = 16;
const TABLE_NAME = 1;
const TABLE_HANDLE = 4;
const CHAIN = { table: 1, name: 3, hook: 4, policy: 5, type: 7 };
const HOOK = { number: 1, priority: 2 };
const RULE = { table: 1, chain: 2, expressions: 4, userData: 7 };
const LIST_ELEMENT = 1;
const GEN_ID = 1;
const NF_ACCEPT = 1;

/** Where packets pass a chain, by the order in which they pass through. */
const hooks = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 };

/** A chain that packets come to by themselves; without a hook others must jump there. */
export type ChainHook = {
  readonly type: "nat" | "filter";
  readonly hook: keyof typeof hooks;
  /** Chains of lower numbers come first; -100 and 100 are usual for the destination's and source's nat. */
  readonly priority: number;
};

/** Creates a table of the family `inet`, if it does not exist. */
export function addTable(name: string): NftChange {
  return { ...nftRequest(NEWTABLE, NLM_F_CREATE, text(TABLE_NAME, name)), subject: `add table ${name}` };
}

/** Fails with ENOENT if it does not exist. */
export function deleteTable(name: string): NftChange {
  return { ...nftRequest(DELTABLE, 0, text(TABLE_NAME, name)), subject: `delete table ${name}` };
}

/** The kernel's number of a table, which one that replaces it does not have. Undefined if there is none. */
export function tableHandle(socket: NetlinkSocket, name: string): bigint | undefined {
  const request = nftRequest(GETTABLE, 0, text(TABLE_NAME, name));
  try {
    const [payload] = socket.request(request, `table ${name}`);
    return readAttributes(payload?.subarray(nftHeaderBytes) ?? Buffer.alloc(0))
      .get(TABLE_HANDLE)
      ?.readBigUInt64BE();
  } catch (error) {
    if (error instanceof LinuxError && error.errno === "ENOENT") return undefined;
    throw error;
  }
}

/** Creates a chain, if it does not exist; its policy is accept. */
export function addChain(table: string, name: string, at?: ChainHook): NftChange {
  const place = [text(CHAIN.table, table), text(CHAIN.name, name)];
  const base = at === undefined ? [] : hookAttributes(at);
  return { ...nftRequest(NEWCHAIN, NLM_F_CREATE, ...place, ...base), subject: `add chain ${name}` };
}

/** Adds a rule at the end of a chain. `note` identifies the rule, and is shown by `nft list`. */
export function addRule(
  table: string,
  chain: string,
  expressions: readonly Expression[],
  note: string,
): NftChange {
  const request = nftRequest(
    NEWRULE,
    NLM_F_CREATE | NLM_F_APPEND,
    text(RULE.table, table),
    text(RULE.chain, chain),
    nested(RULE.expressions, ...expressions.map((expression) => nested(LIST_ELEMENT, expression))),
    comment(RULE.userData, note),
  );
  return { ...request, subject: `add a rule to chain ${chain}` };
}

/** Removes all rules of a chain. */
export function flushChain(table: string, chain: string): NftChange {
  const request = nftRequest(DELRULE, 0, text(RULE.table, table), text(RULE.chain, chain));
  return { ...request, subject: `flush chain ${chain}` };
}

/** The rules of a table, in order: the chain and the note of each. Throws LinuxError. */
export function listRules(
  socket: NetlinkSocket,
  table: string,
): readonly { readonly chain: string; readonly note: string }[] {
  const request = nftRequest(GETRULE, 0, text(RULE.table, table));
  const found = dumpUnlessMissing(socket, request, `rules of table ${table}`);
  return found.map((payload) => {
    const attributes = readAttributes(payload.subarray(nftHeaderBytes));
    return { chain: readText(attributes.get(RULE.chain)), note: readComment(attributes.get(RULE.userData)) };
  });
}

/** The ruleset's generation, which increases with every change to any table. Throws LinuxError. */
export function generationOf(socket: NetlinkSocket): number {
  const [payload] = socket.request(nftRequest(GETGEN, 0), "generation of nf_tables");
  const attributes = new Map(listAttributes(payload?.subarray(nftHeaderBytes) ?? Buffer.alloc(0)));
  return attributes.get(GEN_ID)?.readUInt32BE() ?? 0;
}

/** Nothing where the table or set is not there. */
export function dumpUnlessMissing(
  socket: NetlinkSocket,
  request: ReturnType<typeof nftRequest>,
  subject: string,
): readonly Buffer[] {
  try {
    return socket.dump(request, subject);
  } catch (error) {
    if (error instanceof LinuxError && error.errno === "ENOENT") return [];
    throw error;
  }
}

function hookAttributes({ type, hook, priority }: ChainHook): readonly Buffer[] {
  const place = [networkU32(HOOK.number, hooks[hook]), networkU32(HOOK.priority, priority)];
  return [nested(CHAIN.hook, ...place), text(CHAIN.type, type), networkU32(CHAIN.policy, NF_ACCEPT)];
}
