import { attribute, nested, networkU32, text } from "../netlink/attributes.ts";

/**
 * What a rule does, step by step: each expression loads something into a register, compares one, or acts. A
 * rule ends at the first comparison that does not hold. Registers are numbered by four bytes here, from 0.
 */
export type Expression = Buffer;

const DATA_VALUE = 1;
const DATA_VERDICT = 2;
const VERDICT = { code: 1, chain: 2 };
const verdicts = { drop: 0, accept: 1, jump: -3, goto: -4, return: -5 };
/** NFT_REG32_00; NFT_REG_VERDICT is 0. */
const firstRegister = 8;

/** What becomes of a packet; to jump is to come back at the end of that chain. */
export type Verdict =
  | { readonly kind: "accept" | "drop" | "return" }
  | { readonly kind: "jump" | "goto"; readonly chain: string };

const metaKeys = { mark: 3, inputName: 6, outputName: 7, family: 15, protocol: 16, inputKind: 26 };

/**
 * Loads what is known of a packet: `family` is 2 (IPv4) or 10, `protocol` such as 6 (TCP), the names of
 * interfaces are sixteen bytes.
 */
export function loadMeta(key: keyof typeof metaKeys, register: number): Expression {
  return expression("meta", dreg(1, register), networkU32(2, metaKeys[key]));
}

export function storeMark(register: number): Expression {
  return expression("meta", networkU32(2, metaKeys.mark), dreg(3, register));
}

const payloadBases = { network: 1, transport: 2 };

/** Loads bytes of a packet's header. */
export function loadHeader(
  base: keyof typeof payloadBases,
  offset: number,
  length: number,
  register: number,
): Expression {
  const place = [networkU32(2, payloadBases[base]), networkU32(3, offset), networkU32(4, length)];
  return expression("payload", dreg(1, register), ...place);
}

/** Loads what kind of address the packet's destination is: 2 for one of this machine (RTN_LOCAL). */
export function loadDestinationType(register: number): Expression {
  const byDestination = 2;
  const addressType = 3;
  return expression("fib", dreg(1, register), networkU32(2, addressType), networkU32(3, byDestination));
}

/** Loads the flags of the packet's connection (IPS_* of the kernel). */
export function loadConnectionStatus(register: number): Expression {
  const status = 2;
  return expression("ct", dreg(1, register), networkU32(2, status));
}

/** Loads what the packet is to its connection, as bits: 2 of one that was answered, 4 of a related one. */
export function loadConnectionState(register: number): Expression {
  const state = 0;
  return expression("ct", dreg(1, register), networkU32(2, state));
}

/** Counts packets; tools that list rules of iptables expect one in each. */
export function counter(): Expression {
  return expression("counter");
}

export function equals(register: number, value: Uint8Array): Expression {
  return expression("cmp", dreg(1, register), networkU32(2, 0), nested(3, attribute(DATA_VALUE, value)));
}

export function differs(register: number, value: Uint8Array): Expression {
  return expression("cmp", dreg(1, register), networkU32(2, 1), nested(3, attribute(DATA_VALUE, value)));
}

/** register = (register & mask) ^ xor; both as long as what the register holds. */
export function maskRegister(register: number, mask: Uint8Array, xor: Uint8Array): Expression {
  return expression(
    "bitwise",
    dreg(1, register),
    dreg(2, register),
    networkU32(3, mask.length),
    nested(4, attribute(DATA_VALUE, mask)),
    nested(5, attribute(DATA_VALUE, xor)),
  );
}

/** Holds if the key that begins at `register` is an element of a set. */
export function isElement(set: string, register: number): Expression {
  return expression("lookup", text(1, set), dreg(2, register));
}

/** Holds if a map has the key that begins at `register`, and loads its value at `target`. */
export function loadElement(map: string, register: number, target: number): Expression {
  return expression("lookup", text(1, map), dreg(2, register), dreg(3, target));
}

/** Decides by a map from keys to verdicts; goes on where it has none. */
export function decideByElement(map: string, register: number): Expression {
  return expression("lookup", text(1, map), dreg(2, register), networkU32(3, 0));
}

export function decide(verdict: Verdict): Expression {
  return expression("immediate", networkU32(1, 0), nested(2, verdictData(verdict)));
}

/** Sends packets of that family (2 or 10) on to the address and the port that two registers hold. */
export function redirectTo(family: number, address: number, port: number): Expression {
  const destination = 1;
  return expression(
    "nat",
    networkU32(1, destination),
    networkU32(2, family),
    dreg(3, address),
    dreg(5, port),
  );
}

/** Loads a number below `modulus`, another one for each packet. */
export function loadRandom(modulus: number, register: number): Expression {
  const random = 1;
  return expression("numgen", dreg(1, register), networkU32(2, modulus), networkU32(3, random));
}

/** Loads a number below `modulus` that is always the same for the same `length` bytes from `source` on. */
export function loadHash(source: number, length: number, modulus: number, register: number): Expression {
  const seed = 0;
  return expression(
    "hash",
    dreg(1, source),
    dreg(2, register),
    networkU32(3, length),
    networkU32(4, modulus),
    networkU32(5, seed),
  );
}

/** Refuses packets as if nobody listened: ICMP "port unreachable" of either family. */
export function reject(): Expression {
  const icmpx = 2;
  const portUnreachable = 1;
  return expression("reject", networkU32(1, icmpx), attribute(2, Buffer.of(portUnreachable)));
}

/** Gives packets the address of the interface by which they leave. */
export function masquerade(): Expression {
  return expression("masq");
}

/** The attribute by which verdicts stand in rules and in maps. */
export function verdictData(verdict: Verdict): Buffer {
  const chain = "chain" in verdict ? [text(VERDICT.chain, verdict.chain)] : [];
  return nested(DATA_VERDICT, networkU32(VERDICT.code, verdicts[verdict.kind]), ...chain);
}

function expression(name: string, ...attributes: readonly Buffer[]): Expression {
  return Buffer.concat([text(1, name), nested(2, ...attributes)]);
}

function dreg(type: number, register: number): Buffer {
  return networkU32(type, firstRegister + register);
}
