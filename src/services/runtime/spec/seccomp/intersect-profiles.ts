import { RuntimeError } from "../../runtime-error.ts";
import type { OciSeccomp, OciSyscallCondition, OciSyscallRule } from "../types.ts";
import { anyCall, type Box, complementOfBoxes, intersectBoxes, rulesOf } from "./argument-boxes.ts";
import { losesConditions } from "./multiplexed-calls.ts";
import {
  type Decision,
  type ProfileMeaning,
  profileMeaning,
  sameVerdict,
  stricter,
  type Verdict,
} from "./profile-meaning.ts";

/**
 * Combines two filters into one with the effect of both: for each call, the stricter result, in the kernel's
 * order of actions; if both are equally strict, with the errno of `profile`, which would have been installed
 * last. A call of an architecture that one of them lacks ends the program, as in that one; so does a 32-bit
 * x86 call if the profile checks arguments that cannot be seen there ({@link losesConditions}). `native` is
 * the machine's architecture, which every filter has. Throws RuntimeError InvalidArgument if a profile's
 * meaning is uncertain or no filter can express both.
 */
export function intersectProfiles(profile: OciSeccomp, base: OciSeccomp, native: string): OciSeccomp {
  const [one, other] = [profileMeaning(profile), profileMeaning(base)];
  const standard = stricter(one.standard, other.standard);
  const rules = new Map<string, { rule: Omit<OciSyscallRule, "names">; names: string[] }>();
  for (const name of new Set([...one.calls.keys(), ...other.calls.keys()])) {
    for (const rule of rulesFor(name, one, other, standard)) {
      const key = JSON.stringify(rule, (_, value) => (typeof value === "bigint" ? String(value) : value));
      const entry = rules.get(key) ?? { rule, names: [] };
      rules.set(key, entry);
      entry.names.push(name);
    }
  }
  const syscalls = [...rules.values()].map(({ rule, names }) => ({ ...rule, names }));
  const others = architecturesOf(base, native);
  return {
    defaultAction: standard.action,
    ...(standard.errno !== undefined && { defaultErrnoRet: standard.errno }),
    architectures: architecturesOf(profile, native).filter(
      (each) => others.includes(each) && !losesConditions(each, profile.syscalls ?? [], syscalls),
    ),
    ...flagsOf(profile, base),
    syscalls,
  };
}

/** The results for one system call other than the default, which is that of both defaults together. */
function rulesFor(
  name: string,
  one: ProfileMeaning,
  other: ProfileMeaning,
  standard: Verdict,
): readonly Omit<OciSyscallRule, "names">[] {
  try {
    return pairs(one, other, name)
      .map(([first, second]) => ({ verdict: stricter(first.verdict, second.verdict), first, second }))
      .filter(({ verdict }) => !sameVerdict(verdict, standard))
      .flatMap(({ verdict, first, second }) =>
        intersectBoxes(first.boxes(), second.boxes()).flatMap((box) =>
          rulesOf(box).map((args) => ruleOf(verdict, args)),
        ),
      );
  } catch (cause) {
    throw new RuntimeError("InvalidArgument", `system call ${name}`, { cause });
  }
}

/** The calls are computed only if they are needed. */
type Part = { readonly verdict: Verdict; readonly boxes: () => readonly Box[] };

function pairs(one: ProfileMeaning, other: ProfileMeaning, name: string): readonly (readonly [Part, Part])[] {
  return partsOf(one, name).flatMap((first) =>
    partsOf(other, name).map((second) => [first, second] as const),
  );
}

function partsOf({ calls, standard }: ProfileMeaning, name: string): readonly Part[] {
  const decisions: readonly Decision[] = calls.get(name) ?? [];
  const rest = () => complementOfBoxes(decisions.flatMap(({ boxes }) => boxes));
  return [
    ...decisions.map(({ verdict, boxes }) => ({ verdict, boxes: () => boxes })),
    { verdict: standard, boxes: decisions.length === 0 ? () => anyCall : rest },
  ];
}

function ruleOf({ action, errno }: Verdict, args: readonly OciSyscallCondition[]) {
  return {
    action,
    ...(errno !== undefined && { errnoRet: errno }),
    ...(args.length > 0 && { args }),
  };
}

function architecturesOf({ architectures }: OciSeccomp, native: string): readonly string[] {
  const named = (architectures ?? []).map((each) => (each === "SCMP_ARCH_NATIVE" ? native : each));
  return [...new Set([native, ...named])];
}

/**
 * A call is logged if either profile logs it; weaker protection against speculation must be requested by
 * both.
 */
function flagsOf(profile: OciSeccomp, base: OciSeccomp): Pick<OciSeccomp, "flags"> {
  const [own, others] = [profile.flags ?? [], base.flags ?? []];
  const weaker = "SECCOMP_FILTER_FLAG_SPEC_ALLOW";
  const flags = [...new Set([...own, ...others])].filter(
    (flag) => flag !== weaker || (own.includes(flag) && others.includes(flag)),
  );
  return flags.length === 0 ? {} : { flags };
}
