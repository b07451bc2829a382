/**
 * The kernel's packet filter, nf_tables, over netlink: tables of the family `inet`, chains, rules made of
 * expressions, sets and maps. Changes are made by {@link commit}, all or none.
 */
export { commit, commitAsync, type NftChange } from "./nft-batch.ts";
export { maxNoteBytes } from "./nft-comment.ts";
export {
  counter,
  decide,
  decideByElement,
  differs,
  type Expression,
  equals,
  isElement,
  loadConnectionState,
  loadConnectionStatus,
  loadDestinationType,
  loadElement,
  loadHash,
  loadHeader,
  loadMeta,
  loadRandom,
  maskRegister,
  masquerade,
  redirectTo,
  reject,
  storeMark,
  type Verdict,
} from "./nft-expressions.ts";
export {
  addForeignChain,
  addForeignRule,
  type ForeignChain,
  hasChain,
  notesOfRules,
} from "./nft-foreign.ts";
export {
  addElements,
  addSet,
  deleteElements,
  elementNote,
  type FieldType,
  fields,
  listElements,
  type SetDefinition,
  type SetElement,
} from "./nft-sets.ts";
export {
  addChain,
  addRule,
  addTable,
  type ChainHook,
  deleteTable,
  flushChain,
  generationOf,
  listRules,
  tableHandle,
} from "./nft-tables.ts";
