import { constants } from "node:os";
import { RuntimeError } from "../../runtime-error.ts";
import type { OciSeccomp, OciSyscallRule } from "../types.ts";
import { anyCall, type Box, boxesOf, intersectBoxes, uniteBoxes } from "./argument-boxes.ts";

/** The result of a call: an action, and the number for ERRNO and TRACE. */
export type Verdict = { readonly action: Action; readonly errno: number | undefined };

/** The order in which the kernel ranks the results of several filters (seccomp(2)): the first one wins. */
const actions = [
  "SCMP_ACT_KILL_PROCESS",
  "SCMP_ACT_KILL",
  "SCMP_ACT_TRAP",
  "SCMP_ACT_ERRNO",
  "SCMP_ACT_TRACE",
  "SCMP_ACT_LOG",
  "SCMP_ACT_ALLOW",
] as const;

type Action = (typeof actions)[number];

/**
 * The meaning of a profile: the results of system calls by their arguments; all other calls get the default.
 */
export type ProfileMeaning = {
  readonly standard: Verdict;
  readonly calls: ReadonlyMap<string, readonly Decision[]>;
};

/** Decisions about one system call do not overlap. */
export type Decision = { readonly boxes: readonly Box[]; readonly verdict: Verdict };

/**
 * Interprets a profile as crun and runc do when they build a filter with libseccomp. Throws RuntimeError
 * InvalidArgument if its meaning is uncertain: if two rules with different actions match the same call, the
 * filter depends on their order and on libseccomp.
 */
export function profileMeaning(profile: OciSeccomp): ProfileMeaning {
  const standard = verdictOf(profile.defaultAction, profile.defaultErrnoRet);
  const calls = new Map<string, readonly Decision[]>();
  for (const rule of profile.syscalls ?? []) {
    const verdict = verdictOf(rule.action, rule.errnoRet);
    // OCI runtimes leave it out, since libseccomp would reject it.
    if (sameVerdict(verdict, standard)) continue;
    for (const [name, boxes] of callsOf(rule))
      calls.set(name, withDecision(calls.get(name) ?? [], { boxes, verdict }, name));
  }
  return { standard, calls };
}

/** The one that the kernel would follow; if both are equally strict, the first. */
export function stricter(one: Verdict, other: Verdict): Verdict {
  return actions.indexOf(other.action) < actions.indexOf(one.action) ? other : one;
}

export function sameVerdict(one: Verdict, other: Verdict): boolean {
  return one.action === other.action && one.errno === other.errno;
}

function callsOf({ names, args }: OciSyscallRule): readonly (readonly [string, readonly Box[]])[] {
  try {
    const boxes = (args ?? []).length === 0 ? anyCall : boxesOf(args ?? []);
    return names.map((name) => [name, boxes]);
  } catch (cause) {
    throw new RuntimeError("InvalidArgument", `system call ${names.join(", ").slice(0, 100)}`, { cause });
  }
}

function withDecision(
  decisions: readonly Decision[],
  { boxes, verdict }: Decision,
  name: string,
): readonly Decision[] {
  const same = decisions.find((each) => sameVerdict(each.verdict, verdict));
  const others = decisions.filter((each) => each !== same);
  if (others.some((other) => intersectBoxes(other.boxes, boxes).length > 0))
    throw new RuntimeError(
      "InvalidArgument",
      `system call ${name}: two rules with different actions match the same arguments`,
    );
  if (same === undefined) return [...others, { boxes, verdict }];
  // A rule without conditions includes all others.
  const isAll = [...same.boxes, ...boxes].some(({ size }) => size === 0);
  return [...others, { boxes: isAll ? anyCall : uniteBoxes(same.boxes, boxes), verdict }];
}

function verdictOf(name: string, errno: number | undefined): Verdict {
  const action = name === "SCMP_ACT_KILL_THREAD" ? "SCMP_ACT_KILL" : name;
  const known = actions.find((each) => each === action);
  if (known === undefined) {
    const why = action === "SCMP_ACT_NOTIFY" ? "needs a supervisor process" : "is not known";
    throw new RuntimeError("InvalidArgument", `action ${JSON.stringify(name.slice(0, 100))} ${why}`);
  }
  const hasErrno = known === "SCMP_ACT_ERRNO" || known === "SCMP_ACT_TRACE";
  return { action: known, errno: hasErrno ? (errno ?? constants.errno.EPERM) : undefined };
}
