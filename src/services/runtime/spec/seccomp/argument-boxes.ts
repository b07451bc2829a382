import { RuntimeError } from "../../runtime-error.ts";
import type { OciSyscallCondition } from "../types.ts";
import {
  type ArgumentSet,
  complementOf,
  conditionsOf,
  intersectSets,
  maskedConditionsOf,
  setsOf,
} from "./argument-sets.ts";

/**
 * Sets of arguments by index: the calls whose arguments are all in their sets. An argument without a set may
 * have any value.
 */
export type Box = ReadonlyMap<number, ArgumentSet>;

/** Every call. */
export const anyCall: readonly Box[] = [new Map()];

/** With more rules for one system call, a filter would soon exceed the kernel's maximum size. */
const mostBoxes = 300;

/**
 * The calls that match a rule: those for which all its conditions are true, or, if two are about the same
 * argument, any one of them, as in crun and runc. Throws RuntimeError InvalidArgument.
 */
export function boxesOf(conditions: readonly OciSyscallCondition[]): readonly Box[] {
  const alone = conditions.map((condition) =>
    setsOf(condition).map((set): Box => new Map([[argumentIndex(condition), set]])),
  );
  const twice = new Set(conditions.map(({ index }) => index)).size < conditions.length;
  return twice ? uniteBoxes([], alone.flat()) : alone.reduce<readonly Box[]>(intersectBoxes, anyCall);
}

/**
 * The union of two lists of boxes, as boxes that do not overlap; those in `some` must not overlap either.
 * Throws RuntimeError InvalidArgument if that requires too many rules, or rules that do not exist.
 */
export function uniteBoxes(some: readonly Box[], others: readonly Box[]): readonly Box[] {
  let all = some;
  for (const box of others) {
    const rest = all.reduce<readonly Box[]>(
      (parts, other) => limited(parts.flatMap((part) => without(part, other))),
      [box],
    );
    all = limited([...all, ...rest]);
  }
  return all;
}

/**
 * The intersection of two lists. Throws RuntimeError InvalidArgument if that requires too many rules, or
 * rules that do not exist.
 */
export function intersectBoxes(some: readonly Box[], others: readonly Box[]): readonly Box[] {
  return limited(some.flatMap((one) => others.flatMap((other) => intersect(one, other))));
}

/** The calls that are in none of the boxes. */
export function complementOfBoxes(boxes: readonly Box[]): readonly Box[] {
  return boxes.reduce<readonly Box[]>((rest, box) => intersectBoxes(rest, complement(box)), anyCall);
}

/** Lists of conditions, each for a rule; an empty one matches every call. */
export function rulesOf(box: Box): readonly (readonly OciSyscallCondition[])[] {
  const sets = [...box].toSorted(([one], [other]) => one - other);
  const last = sets.findLast(([index, set]) => conditionsOf(set, index) !== undefined)?.[0];
  const choices = sets.flatMap(([index, set]) => {
    const conditions = index === last ? conditionsOf(set, index) : maskedConditionsOf(set, index);
    return conditions === undefined ? [] : [conditions];
  });
  return limited(
    choices.reduce<readonly (readonly OciSyscallCondition[])[]>(
      (rules, conditions) =>
        limited(rules.flatMap((rule) => conditions.map((condition) => [...rule, condition]))),
      [[]],
    ),
  );
}

function intersect(one: Box, other: Box): readonly Box[] {
  let boxes: readonly Box[] = [one];
  for (const [index, set] of other) {
    boxes = boxes.flatMap((box) => {
      const own = box.get(index);
      const sets = own === undefined ? [set] : intersectSets(own, set);
      return sets.map((each) => new Map([...box, [index, each]]));
    });
  }
  return boxes;
}

function without(box: Box, other: Box): readonly Box[] {
  if (intersect(box, other).length === 0) return [box];
  return complement(other).flatMap((outside) => intersect(box, outside));
}

/**
 * Boxes that do not overlap: the calls that fail at the first argument, those that fail only at the second,
 * and so on.
 */
function complement(box: Box): readonly Box[] {
  const sets = [...box];
  return sets.flatMap(([index, set], at) =>
    complementOf(set).map((outside) => new Map([...sets.slice(0, at), [index, outside]])),
  );
}

function argumentIndex({ index }: OciSyscallCondition): number {
  if (Number.isInteger(index) && index >= 0 && index <= 5) return index;
  throw new RuntimeError("InvalidArgument", "a condition on an argument: index must be 0 to 5");
}

function limited<T>(list: readonly T[]): readonly T[] {
  if (list.length <= mostBoxes) return list;
  throw new RuntimeError(
    "InvalidArgument",
    `the conditions on the arguments of one system call would need more than ${mostBoxes} rules`,
  );
}
