import type { OciSyscallRule } from "../types.ts";

/** Architectures with socketcall(2) and ipc(2), which bundle calls that others have separately. */
const multiplexing: ReadonlySet<string> = new Set(["SCMP_ARCH_X86", "SCMP_ARCH_S390"]);

const multiplexed: ReadonlySet<string> = new Set(
  `socket bind connect listen accept accept4 getsockname getpeername socketpair send recv sendto recvfrom sendmsg
  recvmsg sendmmsg recvmmsg shutdown setsockopt getsockopt semop semget semctl semtimedop msgsnd msgrcv msgget
  msgctl shmat shmdt shmget shmctl`.split(/\s+/),
);

type Rule = Pick<OciSyscallRule, "names" | "args" | "action" | "errnoRet">;

/**
 * Whether an architecture cannot express these rules. A filter does not see the arguments of calls through
 * socketcall: there, libseccomp drops the conditions of a rule. The rules of `own` would then mean more or
 * less than in their profile alone, and with several actions for one call, libseccomp creates no filter.
 */
export function losesConditions(
  architecture: string,
  own: readonly Rule[],
  combined: readonly Rule[],
): boolean {
  if (!multiplexing.has(architecture)) return false;
  const isAbout = (rule: Rule, name: string) => rule.names.includes(name) && (rule.args ?? []).length > 0;
  return [...multiplexed].some((name) => {
    const answers = combined.filter((rule) => isAbout(rule, name));
    const verdicts = new Set(answers.map(({ action, errnoRet }) => `${action} ${errnoRet}`));
    return own.some((rule) => isAbout(rule, name)) || verdicts.size > 1;
  });
}
