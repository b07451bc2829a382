import { isAtLeast, type KernelRelease } from "../../../../ground/linux/index.ts";
import type { OciSeccomp, OciSyscallRule } from "../types.ts";

/** When a rule of a profile in docker's form applies. */
export type RuleCondition = {
  /** Such as "CAP_SYS_ADMIN". */
  readonly caps: readonly string[];
  /** As Go names them: "amd64". */
  readonly arches: readonly string[];
  /** For example, kernel 4.8 or newer. */
  readonly minKernel: { readonly major: number; readonly minor: number } | undefined;
};

/**
 * A profile as in its file: in docker's format, some rules are only for certain containers and machines, and
 * architectures depend on the machine's.
 */
export type SeccompFile = Omit<OciSeccomp, "syscalls"> & {
  readonly archMap: readonly {
    readonly architecture: string;
    readonly subArchitectures: readonly string[];
  }[];
  readonly syscalls: readonly {
    readonly rule: OciSyscallRule;
    /** The rule applies only if all of this is true: every capability, one of the architectures. */
    readonly includes: RuleCondition;
    /** The rule does not apply if any of this is true. */
    readonly excludes: RuleCondition;
  }[];
};

export type SeccompCircumstances = {
  readonly capabilities: readonly string[];
  /** As Node names it. */
  readonly architecture: string;
  readonly kernel: KernelRelease;
};

/**
 * The rules of a profile that apply to a container with these capabilities (the bounding set, as in docker
 * and podman) on this machine.
 */
export function applicableProfile(
  { archMap, syscalls, ...profile }: SeccompFile,
  circumstances: SeccompCircumstances,
): OciSeccomp {
  const own = machines[circumstances.architecture]?.seccomp;
  const mapped = archMap.find(({ architecture }) => architecture === own);
  const architectures = mapped && [mapped.architecture, ...mapped.subArchitectures];
  return {
    ...profile,
    ...(architectures !== undefined && { architectures }),
    syscalls: syscalls.filter((each) => applies(each, circumstances)).map(({ rule }) => rule),
  };
}

function applies(
  { includes, excludes }: SeccompFile["syscalls"][number],
  { capabilities, architecture, kernel }: SeccompCircumstances,
): boolean {
  const arch = machines[architecture]?.go ?? architecture;
  const isNew = ({ minKernel }: RuleCondition) =>
    minKernel !== undefined && isAtLeast(kernel, minKernel.major, minKernel.minor);
  if (excludes.caps.some((name) => capabilities.includes(name))) return false;
  if (excludes.arches.includes(arch) || isNew(excludes)) return false;
  if (!includes.caps.every((name) => capabilities.includes(name))) return false;
  if (includes.arches.length > 0 && !includes.arches.includes(arch)) return false;
  return includes.minKernel === undefined || isNew(includes);
}

/** Go's and libseccomp's names of architectures, by Node's. */
const machines: Readonly<Record<string, { readonly go: string; readonly seccomp: string }>> = {
  x64: { go: "amd64", seccomp: "SCMP_ARCH_X86_64" },
  arm64: { go: "arm64", seccomp: "SCMP_ARCH_AARCH64" },
  ppc64: { go: "ppc64le", seccomp: "SCMP_ARCH_PPC64LE" },
  riscv64: { go: "riscv64", seccomp: "SCMP_ARCH_RISCV64" },
  s390x: { go: "s390x", seccomp: "SCMP_ARCH_S390X" },
};
