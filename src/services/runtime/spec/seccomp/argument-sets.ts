import { RuntimeError } from "../../runtime-error.ts";
import type { OciSyscallCondition } from "../types.ts";

/**
 * A set of values of one argument of a system call: those from `first` to `last`, or those whose bits
 * selected by `mask` equal `value`. It is created from conditions, and converted back to conditions. A union
 * of sets is a list of them.
 *
 * An OCI runtime combines two conditions on one argument with "or", and for a 32-bit architecture, libseccomp
 * compares only the lower half of a condition's value. So a set must be one condition, or several rules; and
 * no condition may have a value beyond 32 bits, except for masks whose upper half must be zero.
 */
export type ArgumentSet =
  | { readonly kind: "range"; readonly first: bigint; readonly last: bigint }
  | { readonly kind: "bits"; readonly mask: bigint; readonly value: bigint };

const max = 2n ** 64n - 1n;
const max32 = 2n ** 32n - 1n;
const upperHalf = max - max32;

/**
 * The values for which a condition is true. Throws RuntimeError InvalidArgument for an invalid condition, or
 * one about more than 32 bits.
 */
export function setsOf(condition: OciSyscallCondition): readonly ArgumentSet[] {
  if (condition.op === "SCMP_CMP_MASKED_EQ") return [bitsOf(condition)];
  const value = number32(condition.value, "value");
  switch (condition.op) {
    case "SCMP_CMP_EQ":
      return range(value, value);
    case "SCMP_CMP_NE":
      return [...range(0n, value - 1n), ...range(value + 1n, max)];
    case "SCMP_CMP_LT":
      return range(0n, value - 1n);
    case "SCMP_CMP_LE":
      return range(0n, value);
    case "SCMP_CMP_GT":
      return range(value + 1n, max);
    case "SCMP_CMP_GE":
      return range(value, max);
    default:
      throw invalid(`op ${JSON.stringify(condition.op)} is not known`);
  }
}

function bitsOf({ value, valueTwo }: OciSyscallCondition): ArgumentSet {
  const upper = typeof value === "bigint" && value >> 32n === max32 ? upperHalf : 0n;
  const mask = upper | number32(upper === 0n ? value : BigInt(value) & max32, "value");
  const wanted = number32(valueTwo ?? 0, "valueTwo");
  if ((wanted & ~mask) !== 0n) throw invalid("valueTwo has bits that its mask does not have");
  return { kind: "bits", mask, value: wanted };
}

/** The intersection of two sets. Throws RuntimeError InvalidArgument if no conditions can express it. */
export function intersectSets(one: ArgumentSet, other: ArgumentSet): readonly ArgumentSet[] {
  if (one.kind === "range" && other.kind === "range")
    return range(larger(one.first, other.first), -larger(-one.last, -other.last));
  if (one.kind === "bits" && other.kind === "bits") {
    if (((one.value ^ other.value) & one.mask & other.mask) !== 0n) return [];
    return [{ kind: "bits", mask: one.mask | other.mask, value: one.value | other.value }];
  }
  const [bounds, bits] = one.kind === "range" ? [one, other] : [other, one];
  if (bounds.kind !== "range") return [];
  if (bounds.first === 0n && bounds.last === max) return [bits];
  const last = bits.kind === "bits" && hasUpperHalf(bits) ? -larger(-bounds.last, -max32) : bounds.last;
  if (last > max32) throw invalid("a mask and a range without an upper end cannot be combined");
  return blocks(bounds.first, last).flatMap((block) => intersectSets(block, bits));
}

/** All values that are not in a set; the sets do not overlap. */
export function complementOf(set: ArgumentSet): readonly ArgumentSet[] {
  if (set.kind === "range") return [...range(0n, set.first - 1n), ...range(set.last + 1n, max)];
  const bits = Array.from({ length: 32 }, (_, index) => 1n << BigInt(31 - index));
  const lower = bits
    .filter((bit) => (set.mask & bit) !== 0n)
    .map((bit): ArgumentSet => {
      const above = set.mask & ~(2n * bit - 1n);
      return { kind: "bits", mask: above | bit, value: (set.value & above) | (~set.value & bit) };
    });
  return hasUpperHalf(set) ? [...range(max32 + 1n, max), ...lower] : lower;
}

/**
 * The same with masks instead of ranges, for an argument that is not the last one in a rule: libseccomp 2.5
 * generates wrong code after a comparison that covers both halves of a value, or loops endlessly. Throws
 * RuntimeError InvalidArgument if no masks can express it.
 */
export function maskedConditionsOf(
  set: ArgumentSet,
  index: number,
): readonly OciSyscallCondition[] | undefined {
  if (set.kind === "bits" || set.first === set.last || (set.first === 0n && set.last === max))
    return conditionsOf(set, index);
  if (set.last > max32)
    throw invalid("a range without an upper end cannot be combined with a condition on a later argument");
  return blocks(set.first, set.last).map((block) => masked(block, index));
}

/**
 * Conditions any one of which is true for exactly the values of the set; undefined if every value is in it.
 */
export function conditionsOf(set: ArgumentSet, index: number): readonly OciSyscallCondition[] | undefined {
  const condition = (op: string, value: bigint) => ({ index, value: Number(value), op });
  if (set.kind === "bits") return set.mask === 0n ? undefined : [masked(set, index)];
  const { first, last } = set;
  if (first === 0n && last === max) return undefined;
  if (first === last) return [condition("SCMP_CMP_EQ", first)];
  if (first === 0n) return [condition("SCMP_CMP_LE", last)];
  if (last === max) return [condition("SCMP_CMP_GT", first - 1n)];
  return blocks(first, last).map((block) => masked(block, index));
}

/** Masks cover the lower half, or that and the whole upper half. */
function hasUpperHalf({ mask }: ArgumentSet & { kind: "bits" }): boolean {
  return (mask & upperHalf) !== 0n;
}

function masked({ mask, value }: ArgumentSet & { kind: "bits" }, index: number): OciSyscallCondition {
  // A number cannot hold 64 bits.
  return { index, value: mask, valueTwo: Number(value), op: "SCMP_CMP_MASKED_EQ" };
}

/**
 * Splits a range of 32-bit values into blocks, as large as possible, whose values differ only in their last
 * bits.
 */
function blocks(first: bigint, last: bigint): readonly (ArgumentSet & { kind: "bits" })[] {
  const found: (ArgumentSet & { kind: "bits" })[] = [];
  for (let at = first; at <= last; ) {
    let size = 1n;
    while (at % (2n * size) === 0n && at + 2n * size - 1n <= last) size *= 2n;
    found.push({ kind: "bits", mask: upperHalf | (max32 & ~(size - 1n)), value: at });
    at += size;
  }
  return found;
}

function range(first: bigint, last: bigint): readonly ArgumentSet[] {
  return first > last ? [] : [{ kind: "range", first, last }];
}

/** Math.max does not support bigints. */
function larger(one: bigint, other: bigint): bigint {
  if (one > other) return one;
  return other;
}

function number32(value: number | bigint, name: string): bigint {
  const isWhole = typeof value === "bigint" || Number.isSafeInteger(value);
  if (isWhole && value >= 0 && value <= max32) return BigInt(value);
  throw invalid(`${name} must be a whole number of 32 bits`);
}

function invalid(problem: string): RuntimeError {
  return new RuntimeError("InvalidArgument", `a condition on an argument: ${problem}`);
}
