import { constants } from "node:os";
import type { OciSeccomp, OciSyscallCondition, OciSyscallRule } from "../types.ts";
import { anyAllowed, byArchitecture, byCapability } from "./system-calls.ts";

/**
 * The RuntimeDefault profile: calls that are not allowed fail with EPERM. The lists are those that Docker's
 * and containerd's users rely on; some calls are allowed only with a capability.
 */
export function defaultSeccomp(capabilities: readonly string[], architecture: string): OciSeccomp {
  const allowed = new Set([
    ...anyAllowed,
    ...(byArchitecture[architecture] ?? []),
    ...capabilities.flatMap((name) => byCapability[name] ?? []),
  ]);
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    architectures: filterArchitectures[architecture] ?? [],
    syscalls: [
      { names: [...allowed].sort(), action: "SCMP_ACT_ALLOW" },
      ...sockets,
      ...personalities,
      ...(capabilities.includes("CAP_SYS_ADMIN") ? [] : newProcesses(architecture)),
    ],
  };
}

/**
 * The same for a program that is known to be built for this processor and needs no capabilities: calls of
 * other architectures end it. OCI runtimes generate such a filter in a fraction of the time.
 */
export function nativeSeccomp(architecture: string): OciSeccomp {
  const profile = defaultSeccomp([], architecture);
  return { ...profile, architectures: profile.architectures?.slice(0, 1) ?? [] };
}

/**
 * The processor's own comes first. A filter also covers the 32-bit calls of a 64-bit kernel: containers have
 * 32-bit programs, and calls of architectures that it does not cover end the process.
 */
const filterArchitectures: Readonly<Record<string, readonly string[]>> = {
  x64: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
  arm64: ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
  ppc64: ["SCMP_ARCH_PPC64LE"],
  riscv64: ["SCMP_ARCH_RISCV64"],
  s390x: ["SCMP_ARCH_S390X", "SCMP_ARCH_S390"],
};

/** libseccomp's name of the processor's own architecture, as Node names it. */
export function nativeArchitecture(architecture: string): string {
  return filterArchitectures[architecture]?.[0] ?? "SCMP_ARCH_NATIVE";
}

/**
 * Allows sockets of all families except AF_ALG (38) and AF_VSOCK (40), which reach the host's kernel and
 * hypervisor. The kernel reads only the lower half of the number, so a number with bits in its upper half
 * must not pass for another family; there are no families from 64 on. Some OCI runtimes would combine two
 * conditions on one argument with "or", so each allowed range has a rule of its own.
 */
const sockets: readonly OciSyscallRule[] = [
  allowWhen("socket", { index: 0, value: 38, op: "SCMP_CMP_LT" }),
  ...[39, 41].map((value) => allowWhen("socket", { index: 0, value, op: "SCMP_CMP_EQ" })),
  ...[42, 44, 48].map((first) => {
    // 42 and 43, 44 to 47, 48 to 63: as many as the lowest bit of the first says.
    const value = 2n ** 64n - BigInt(first & -first);
    return allowWhen("socket", { index: 0, value, valueTwo: first, op: "SCMP_CMP_MASKED_EQ" });
  }),
];

/** The query (0xffffffff), PER_LINUX, PER_LINUX32, and both with UNAME26. */
const personalities: readonly OciSyscallRule[] = [0x0, 0x0008, 0x20000, 0x20008, 0xffffffff].map((value) =>
  allowWhen("personality", { index: 0, value, op: "SCMP_CMP_EQ" }),
);

/** CLONE_NEWNS, _NEWCGROUP, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID and _NEWNET. */
const newNamespaceFlags = 0x7e020000;

/**
 * Allows new processes, but no new namespaces. The flags of clone3 are behind a pointer, which a filter
 * cannot read: clone3 is reported as missing, so that libraries fall back to clone.
 */
function newProcesses(architecture: string): readonly OciSyscallRule[] {
  // On s390 clone takes the stack first (clone(2)).
  const index = architecture === "s390x" ? 1 : 0;
  return [
    allowWhen("clone", { index, value: newNamespaceFlags, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }),
    { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: constants.errno.ENOSYS },
  ];
}

function allowWhen(name: string, condition: OciSyscallCondition): OciSyscallRule {
  return { names: [name], action: "SCMP_ACT_ALLOW", args: [condition] };
}
