import { LinuxError } from "../linux-error.ts";
import {
  attribute,
  listAttributes,
  nested,
  networkU32,
  readAttributes,
  text,
} from "../netlink/attributes.ts";
import { NLM_F_CREATE, NLM_F_EXCL } from "../netlink/netlink-message.ts";
import type { NetlinkSocket } from "../netlink/netlink-socket.ts";
import { type NftChange, nftHeaderBytes, nftRequest } from "./nft-batch.ts";
import { comment, readComment } from "./nft-comment.ts";
import { type Verdict, verdictData } from "./nft-expressions.ts";
import { dumpUnlessMissing } from "./nft-tables.ts";

const NEWSET = 9;
const NEWSETELEM = 12;
const GETSETELEM = 13;
const DELSETELEM = 14;
const SET = { table: 1, name: 2, flags: 3, keyType: 4, keyLength: 5, dataType: 6, dataLength: 7, id: 10 };
const LIST = { table: 1, set: 2, elements: 3 };
const ELEMENT = { key: 1, data: 2, userData: 6 };
const LIST_ELEMENT = 1;
const DATA_VALUE = 1;
const NFT_SET_MAP = 8;
const NFT_DATA_VERDICT = 0xffffff00;
const typeBits = 6;

/** Kinds of fields as `nft` numbers and shows them, and the bytes of each. */
const fieldTypes = {
  /** As the kernel keeps its own numbers; shown as a mark is, as no other type is of this length. */
  number: { number: 19, bytes: 4 },
  ipv4: { number: 7, bytes: 4 },
  ipv6: { number: 8, bytes: 16 },
  protocol: { number: 12, bytes: 1 },
  port: { number: 13, bytes: 2 },
} as const;

export type FieldType = keyof typeof fieldTypes;

/** A set; with `value`, a map. Keys and values of several fields are concatenated. */
export type SetDefinition = {
  readonly name: string;
  readonly key: readonly FieldType[];
  readonly value?: readonly FieldType[] | "verdict";
};

/** Fields, each padded to four bytes; see {@link fields}. */
export type SetElement = {
  readonly key: Buffer;
  readonly value?: Buffer | Verdict;
  /** Shown by `nft list`; says whose the element is. At most 127 bytes. */
  readonly note: string;
};

/** A key or a value of several fields: each is padded to four bytes. */
export function fields(...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat(parts.map((part) => Buffer.concat([part, Buffer.alloc(-part.length & 3)])));
}

/** Creates a set or a map, if it does not exist. `id` distinguishes it within a commit. */
export function addSet(table: string, { name, key, value }: SetDefinition, id: number): NftChange {
  const data = value === undefined ? [] : dataAttributes(value);
  const request = nftRequest(
    NEWSET,
    NLM_F_CREATE,
    text(SET.table, table),
    text(SET.name, name),
    networkU32(SET.flags, value === undefined ? 0 : NFT_SET_MAP),
    networkU32(SET.keyType, typeOf(key)),
    networkU32(SET.keyLength, lengthOf(key)),
    ...data,
    networkU32(SET.id, id),
  );
  return { ...request, subject: `add set ${name}` };
}

/** EEXIST if the key exists. */
export function addElements(table: string, set: string, elements: readonly SetElement[]): NftChange {
  const request = nftRequest(NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, ...listOf(table, set, elements));
  return { ...request, subject: `add to set ${set}` };
}

/** ENOENT when one of the keys is not there. */
export function deleteElements(
  table: string,
  set: string,
  elements: readonly Pick<SetElement, "key">[],
): NftChange {
  const keys = elements.map(({ key }) => ({ key, note: "" }));
  return { ...nftRequest(DELSETELEM, 0, ...listOf(table, set, keys)), subject: `delete from set ${set}` };
}

/** The note of one element; undefined when table, set or key are not there. Throws LinuxError. */
export function elementNote(
  socket: NetlinkSocket,
  table: string,
  set: string,
  key: Buffer,
): string | undefined {
  const request = nftRequest(GETSETELEM, 0, ...listOf(table, set, [{ key, note: "" }]));
  try {
    const [payload] = socket.request(request, `element of set ${set}`);
    return payload === undefined ? undefined : readElements(payload)[0]?.note;
  } catch (error) {
    if (error instanceof LinuxError && error.errno === "ENOENT") return undefined;
    throw error;
  }
}

/** The keys and notes of all elements; empty if the set does not exist. Throws LinuxError. */
export function listElements(
  socket: NetlinkSocket,
  table: string,
  set: string,
): readonly { readonly key: Buffer; readonly note: string }[] {
  const request = nftRequest(GETSETELEM, 0, text(LIST.table, table), text(LIST.set, set));
  return dumpUnlessMissing(socket, request, `elements of set ${set}`).flatMap(readElements);
}

function listOf(table: string, set: string, elements: readonly SetElement[]): readonly Buffer[] {
  const list = nested(LIST.elements, ...elements.map((element) => nested(LIST_ELEMENT, encode(element))));
  return [text(LIST.table, table), text(LIST.set, set), list];
}

function encode({ key, value, note }: SetElement): Buffer {
  return Buffer.concat([
    nested(ELEMENT.key, attribute(DATA_VALUE, key)),
    ...(value === undefined ? [] : [nested(ELEMENT.data, valueData(value))]),
    ...(note === "" ? [] : [comment(ELEMENT.userData, note)]),
  ]);
}

function valueData(value: Buffer | Verdict): Buffer {
  return Buffer.isBuffer(value) ? attribute(DATA_VALUE, value) : verdictData(value);
}

function readElements(payload: Buffer): readonly { readonly key: Buffer; readonly note: string }[] {
  const list = readAttributes(payload.subarray(nftHeaderBytes)).get(LIST.elements) ?? Buffer.alloc(0);
  return listAttributes(list).map(([, element]) => {
    const attributes = readAttributes(element);
    const key = readAttributes(attributes.get(ELEMENT.key) ?? Buffer.alloc(0)).get(DATA_VALUE);
    return { key: key ?? Buffer.alloc(0), note: readComment(attributes.get(ELEMENT.userData)) };
  });
}

function dataAttributes(value: readonly FieldType[] | "verdict"): readonly Buffer[] {
  if (value === "verdict") return [networkU32(SET.dataType, NFT_DATA_VERDICT), networkU32(SET.dataLength, 0)];
  return [networkU32(SET.dataType, typeOf(value)), networkU32(SET.dataLength, lengthOf(value))];
}

function typeOf(types: readonly FieldType[]): number {
  return types.reduce((sum, type) => (sum << typeBits) | fieldTypes[type].number, 0);
}

/** A single field is as long as it is; several are padded. */
function lengthOf(types: readonly FieldType[]): number {
  const lengths = types.map((type) => fieldTypes[type].bytes);
  return lengths.length === 1
    ? (lengths[0] ?? 0)
    : lengths.reduce((sum, bytes) => sum + ((bytes + 3) & ~3), 0);
}
