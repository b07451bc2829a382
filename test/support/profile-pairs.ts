import {
  anyAllowed,
  byArchitecture,
  byCapability,
} from "../../src/services/runtime/spec/seccomp/system-calls.ts";
import type { Random } from "./chaos/random.ts";
import { classes, interesting, varied } from "./filter-probes.ts";

type Rule = {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly object[];
};

/** A seccomp profile in the runtime-spec's form. */
export type Profile = {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[];
  readonly syscalls: readonly Rule[];
};

/** `base` undefined is the runtime's default profile. */
export type ProfilePair = { readonly profile: Profile; readonly base: Profile | undefined };

const namesOf = (calls: (typeof classes)[number]) => [
  ...new Set(calls.map(({ name }) => name.replace(/\(.*$/, ""))),
];

/** What is not probed, so that programs start and can tell what became of what is. */
const needed = (() => {
  const probed = new Set([...varied.map(({ name }) => name), ...classes.flatMap(namesOf)]);
  const all = [...anyAllowed, ...(byArchitecture.x64 ?? []), ...Object.values(byCapability).flat()];
  return all.filter((name) => !probed.has(name));
})();

const actions = ["KILL_PROCESS", "KILL_THREAD", "KILL", "TRAP", "ERRNO", "ERRNO", "ERRNO", "TRACE", "LOG"];

/**
 * What conditions on one call are made of, in both profiles: not every mask and range go together in one
 * filter.
 */
const operators = {
  ranges: ["EQ", "NE", "LT", "LE", "GT", "GE"],
  masks: ["MASKED_EQ"],
  /** Conditions on several arguments at once, in one of the two. */
  several: ["EQ"],
} as const;

/**
 * Two profiles whose meaning is certain, about the probes (filter-probes.ts) and what is needed to make them.
 */
export function randomPair(random: Random): ProfilePair {
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)] as T;
  const hasBase = random.below(4) > 0;
  const allKinds = hasBase ? (["ranges", "masks", "several"] as const) : (["ranges"] as const);
  const kinds = new Map(varied.map(({ name, width }) => [name, width === 1 ? "ranges" : pick(allKinds)]));
  // The default profile's ranges are of the first.
  const indexes = new Map(varied.map(({ name, width }) => [name, random.below(hasBase ? width : 1)]));

  function verdict(): Pick<Rule, "action" | "errnoRet"> {
    const action = pick([...actions, "ALLOW", "ALLOW"]);
    const numbered = action === "ERRNO" || action === "TRACE";
    return {
      action: `SCMP_ACT_${action}`,
      // No kernel answers so, also where an exit code cuts it off.
      ...(numbered && random.below(4) > 0 && { errnoRet: 1000 + random.below(4) }),
    };
  }

  function condition(name: string, index: number): object {
    const op = pick(operators[kinds.get(name) ?? "ranges"]);
    // Each bit of a mask is a rule in what is not under it.
    const values =
      op === "MASKED_EQ" ? [1, 3, 7, 8, 38, 0x2_0000] : interesting.filter((each) => each < 2 ** 32);
    const value = pick(values);
    const valueTwo = op === "MASKED_EQ" ? (value & pick(interesting)) >>> 0 : 0;
    return { index, value, valueTwo, op: `SCMP_CMP_${op}` };
  }

  const equals = (index: number, value: number) => ({ index, value, op: "SCMP_CMP_EQ" });

  /** Ranges and masks are of one argument, as libseccomp mixes up others in the profiles alone. */
  function rulesFor({ name }: (typeof varied)[number], isBase: boolean): readonly Rule[] {
    const one = { names: [name], ...verdict() };
    const index = indexes.get(name) ?? 0;
    const plain = [() => [], () => [one]];
    const alike = [
      () => [{ ...one, args: [condition(name, index)] }],
      () => [
        { ...one, args: [condition(name, index), condition(name, index)] },
        { ...one, args: [condition(name, index)] },
      ],
    ];
    const shapes: Readonly<Record<keyof typeof operators, readonly (() => readonly Rule[])[]>> = {
      masks: [...plain, ...alike],
      ranges: [
        ...plain,
        ...alike,
        () => [1, 8, 38].map((value) => ({ names: [name], ...verdict(), args: [equals(index, value)] })),
      ],
      several: isBase ? plain : [() => [{ ...one, args: [condition(name, 0), condition(name, 1)] }]],
    };
    return pick(shapes[kinds.get(name) ?? "ranges"])();
  }

  function randomProfile(isBase: boolean): Profile {
    const { action, errnoRet } = random.below(3) === 0 ? { action: "SCMP_ACT_ALLOW" } : verdict();
    const rules = varied.flatMap((each) => rulesFor(each, isBase));
    // 32-bit x86 has calls whose arguments no filter sees.
    const looksAtSockets = rules.some(({ names, args }) => /^(socket|shutdown)$/.test(`${names}`) && args);
    const architectures = pick([
      [],
      ["X86_64", "X32"],
      ...(looksAtSockets
        ? []
        : [
            ["X86_64", "X86"],
            ["X86_64", "X86", "X32"],
          ]),
    ]);
    return {
      defaultAction: action,
      ...(errnoRet !== undefined && { defaultErrnoRet: errnoRet }),
      ...(architectures.length > 0 && { architectures: architectures.map((each) => `SCMP_ARCH_${each}`) }),
      syscalls: [
        ...(action === "SCMP_ACT_ALLOW" ? [] : [{ names: needed, action: "SCMP_ACT_ALLOW" }]),
        ...classes.flatMap((calls) =>
          random.below(3) === 0 ? [] : [{ names: namesOf(calls), ...verdict() }],
        ),
        ...rules,
      ],
    };
  }

  return { profile: randomProfile(false), base: hasBase ? randomProfile(true) : undefined };
}
