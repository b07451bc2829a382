import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { messageOf } from "../../../../ground/errors/index.ts";
import type { OciSeccomp, OciSyscallCondition, OciSyscallRule } from "../types.ts";
import { defaultSeccomp } from "./default-seccomp.ts";
import { intersectProfiles } from "./intersect-profiles.ts";

const native = "SCMP_ARCH_X86_64";
const severity = ["KILL_PROCESS", "KILL", "TRAP", "ERRNO", "TRACE", "LOG", "ALLOW"];

type Call = { readonly name: string; readonly args: readonly bigint[] };

/**
 * Evaluates a filter in the simplest way: the result of the rules that match the call, otherwise the default.
 */
function answer(profile: OciSeccomp, { name, args }: Call): string {
  const about = (rule: OciSyscallRule) => {
    const conditions = rule.args ?? [];
    const twice = new Set(conditions.map(({ index }) => index)).size < conditions.length;
    const holds = (condition: OciSyscallCondition) => isTrue(condition, args[condition.index] ?? 0n);
    return rule.names.includes(name) && (twice ? conditions.some(holds) : conditions.every(holds));
  };
  const said = (profile.syscalls ?? []).filter(about).map(({ action, errnoRet }) => text(action, errnoRet));
  const [found = standard(profile), ...others] = new Set(said.filter((each) => each !== standard(profile)));
  assert.deepEqual(others, [], "which rule counts would be libseccomp's to say");
  return found;
}

const standard = ({ defaultAction, defaultErrnoRet }: OciSeccomp) => text(defaultAction, defaultErrnoRet);

function text(action: string, errno = 1): string {
  const name = action.replace("SCMP_ACT_", "").replace("KILL_THREAD", "KILL");
  return name === "ERRNO" || name === "TRACE" ? `${name} ${errno}` : name;
}

function isTrue({ value, valueTwo = 0, op }: OciSyscallCondition, arg: bigint): boolean {
  const wanted = BigInt(value);
  if (op === "SCMP_CMP_MASKED_EQ") return (arg & wanted) === BigInt(valueTwo);
  const operators = { EQ: arg === wanted, NE: arg !== wanted, LT: arg < wanted, LE: arg <= wanted };
  return { ...operators, GT: arg > wanted, GE: arg >= wanted }[op.slice(9)] ?? assert.fail(op);
}

/** The kernel's result with both filters in force. */
function both(profile: OciSeccomp, base: OciSeccomp, call: Call): string {
  const [one, other] = [answer(profile, call), answer(base, call)];
  const rank = (each: string) => severity.indexOf(each.split(" ")[0] ?? "");
  return rank(other) < rank(one) ? other : one;
}

const rule = (names: readonly string[], action: string, args: OciSyscallRule["args"] = []) =>
  ({ names, action: `SCMP_ACT_${action}`, args }) as const;
const when = (index: number, op: string, value: number, valueTwo = 0) =>
  ({ index, op: `SCMP_CMP_${op}`, value, valueTwo }) as const;
const filter = (action: string, ...syscalls: readonly OciSyscallRule[]): OciSeccomp => ({
  defaultAction: `SCMP_ACT_${action}`,
  syscalls,
});

/** Numbers that depend only on the seed. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const interesting = [0, 1, 2, 3, 7, 8, 9, 38, 40, 0x7fff_ffff, 0xffff_fffe, 0xffff_ffff];

/**
 * A profile for one call with a certain meaning: one action under any conditions, or several for different
 * values of one argument.
 */
function randomProfile(random: (below: number) => number): OciSeccomp {
  const pick = <T>(list: readonly T[]) => list[random(list.length)] as T;
  const action = () => pick(severity);
  const condition = (): OciSyscallCondition => {
    const op = pick(["EQ", "NE", "LT", "LE", "GT", "GE", "MASKED_EQ"]);
    const value = pick(interesting);
    return when(random(3), op, value, op === "MASKED_EQ" ? (value & pick(interesting)) >>> 0 : 0);
  };
  const errno = () => ({ errnoRet: 100 + random(3) });
  const verdict = { ...rule(["x"], action()), ...errno() };
  const kinds: readonly (() => readonly OciSyscallRule[])[] = [
    () => [],
    () => [verdict],
    () => [{ ...verdict, args: [condition()] }],
    () => [
      { ...verdict, args: [condition(), condition()] },
      { ...verdict, args: [condition()] },
    ],
    () => [0, 1, 2].map((value) => ({ ...rule(["x"], action(), [when(0, "EQ", value)]), ...errno() })),
  ];
  return { ...filter(action(), ...pick(kinds)()), defaultErrnoRet: 100 + random(3) };
}

describe("two seccomp profiles in one filter", () => {
  it("have the same effect on every call as both of them in the kernel, whatever their conditions", () => {
    const random = seeded(20_261_128);
    const arg = () => BigInt(interesting[random(interesting.length)] ?? 0) + BigInt(random(3)) - 1n;
    const calls = Array.from({ length: 60 }, () => ({
      name: "x",
      args: [arg(), arg(), arg()].map((value) => (value < 0n ? 2n ** 64n - 1n : value)),
    }));
    let combined = 0;
    for (let pair = 0; pair < 3000; pair++) {
      const [profile, base] = [randomProfile(random), randomProfile(random)];
      const made = combine(profile, base);
      if (made === undefined) continue;
      combined++;
      for (const call of calls)
        assert.equal(
          answer(made, call),
          both(profile, base, call),
          JSON.stringify({ profile, base, call: String(call.args) }),
        );
    }
    assert.ok(combined > 2000, `only ${combined} of 3000 pairs could be combined`);
  });

  it("have no values that are compared wrongly for 32-bit programs", () => {
    const random = seeded(7);
    for (let pair = 0; pair < 500; pair++) {
      const made = combine(randomProfile(random), randomProfile(random));
      for (const { value, valueTwo, op } of made?.syscalls?.flatMap(({ args = [] }) => args) ?? []) {
        const compared = op === "SCMP_CMP_MASKED_EQ" ? BigInt(valueTwo ?? 0) : BigInt(value);
        assert.ok(compared < 2n ** 32n);
      }
    }
  });

  it("have rules that do not overlap, with ranges only for their last argument, since libseccomp mishandles others", () => {
    const random = seeded(11);
    const exact = ["SCMP_CMP_EQ", "SCMP_CMP_MASKED_EQ"];
    for (let pair = 0; pair < 500; pair++) {
      const rules = combine(randomProfile(random), randomProfile(random))?.syscalls ?? [];
      for (const { args = [] } of rules) {
        const others = args.toSorted((one, other) => one.index - other.index).slice(0, -1);
        assert.deepEqual(
          others.filter(({ op }) => !exact.includes(op)),
          [],
        );
      }
      for (const values of [[0n, 2n, 8n] as const, [9n, 0n, 40n] as const, [1n, 38n, 2n ** 33n] as const]) {
        const about = rules.filter(({ args = [] }) =>
          args.every((condition) => isTrue(condition, values[condition.index] ?? 0n)),
        );
        assert.ok(
          about.length <= 1,
          JSON.stringify(about, (_, value) => String(value)),
        );
      }
    }
  });

  it("allow the calls of the default profile that a profile of denials does not name", () => {
    const denials = filter("ALLOW", rule(["socket"], "ERRNO", [when(0, "EQ", 16)]), rule(["mkdir"], "ERRNO"));
    const base = defaultSeccomp([], "x64");
    const made = intersectProfiles(denials, base, native);
    for (const family of [0n, 1n, 2n, 15n, 16n, 17n, 37n, 38n, 39n, 40n, 41n, 2n ** 40n]) {
      const call = { name: "socket", args: [family] };
      assert.equal(answer(made, call), both(denials, base, call), `socket(${family})`);
    }
    const results = ["mkdir", "openat", "mount", "reboot"].map((name) => answer(made, { name, args: [] }));
    assert.deepEqual(results, ["ERRNO 1", "ALLOW", "ERRNO 1", "ERRNO 1"]);
    assert.equal(answer(made, { name: "clone3", args: [] }), "ERRNO 38", "as the base has it");
  });

  it("cover the architectures that both have, and the machine's own", () => {
    const of = (...architectures: string[]) => ({ ...filter("ALLOW"), architectures });
    const made = (one: OciSeccomp, other: OciSeccomp) => intersectProfiles(one, other, native).architectures;
    const x86 = "SCMP_ARCH_X86";
    assert.deepEqual(made(of(native, x86), of(native, x86, "SCMP_ARCH_X32")), [native, x86]);
    assert.deepEqual(made(of(x86), of("SCMP_ARCH_X32")), [native]);
    assert.deepEqual(made(filter("ALLOW"), of(x86)), [native], "none is the machine's alone");
  });

  it("do not cover 32-bit x86 if the profile checks arguments that no filter sees there", () => {
    const architectures = [native, "SCMP_ARCH_X86", "SCMP_ARCH_X32"];
    const base = defaultSeccomp([], "x64");
    const of = (...syscalls: OciSyscallRule[]) =>
      intersectProfiles({ ...filter("ALLOW", ...syscalls), architectures }, base, native).architectures;
    assert.deepEqual(
      of(rule(["mkdir"], "ERRNO", [when(1, "EQ", 0)]), rule(["socket"], "KILL")),
      architectures,
    );
    assert.deepEqual(of(rule(["socket"], "ERRNO", [when(0, "EQ", 16)])), [native, "SCMP_ARCH_X32"]);
  });

  it("are rejected if the meaning of one is uncertain, or depends on another program", () => {
    const overlap = filter("ERRNO", rule(["x"], "ALLOW"), rule(["x"], "KILL", [when(0, "EQ", 1)]));
    assert.throws(() => intersectProfiles(overlap, filter("ALLOW"), native), {
      code: "InvalidArgument",
      message: /system call x: two rules with different actions/,
    });
    assert.throws(
      () => intersectProfiles(filter("NOTIFY"), filter("ALLOW"), native),
      /NOTIFY" needs a supervisor process/,
    );
    assert.throws(() => intersectProfiles(filter("DANCE"), filter("ALLOW"), native), /DANCE" is not known/);
    const ranges = filter("ERRNO", rule(["x"], "ALLOW", [when(0, "GT", 7), when(1, "GT", 7)]));
    assert.throws(
      () => intersectProfiles(ranges, filter("ALLOW"), native),
      (error) => /system call x: .*without an upper end/.test(messageOf(error)),
    );
    const wide = filter("ERRNO", rule(["x"], "ALLOW", [when(0, "EQ", 2 ** 33)]));
    assert.throws(
      () => intersectProfiles(wide, filter("ALLOW"), native),
      (error) => /system call x: .*whole number of 32 bits/.test(messageOf(error)),
    );
  });

  it("log what either of them logs, and keep the protection against speculation that either of them wants", () => {
    const log = { ...filter("ALLOW"), flags: ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"] };
    assert.deepEqual(intersectProfiles(log, filter("ALLOW"), native).flags, ["SECCOMP_FILTER_FLAG_LOG"]);
    assert.deepEqual(intersectProfiles(log, log, native).flags, log.flags);
  });
});

/** Undefined for a pair that is rejected: its meaning is uncertain, or no rules express it. */
function combine(profile: OciSeccomp, base: OciSeccomp): OciSeccomp | undefined {
  try {
    return intersectProfiles(profile, base, native);
  } catch {
    return undefined;
  }
}
