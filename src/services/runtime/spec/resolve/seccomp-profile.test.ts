import assert from "node:assert/strict";
import { test } from "node:test";
import { applicableProfile } from "../seccomp/profile-conditions.ts";
import { parseSeccompProfile } from "./seccomp-profile.ts";

const here = {
  capabilities: ["CAP_SYS_ADMIN", "CAP_KILL"],
  architecture: "x64",
  kernel: { text: "5.10.0", major: 5, minor: 10 },
};
const inForce = (profile: unknown, circumstances = here) => applicableProfile(parse(profile), circumstances);
const parse = (profile: unknown) => parseSeccompProfile(JSON.stringify(profile));

test("a profile's rules may have one name or several, and values that only OCI runtimes know", () => {
  const profile = {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 38,
    archMap: [],
    syscalls: [
      { name: "read", action: "SCMP_ACT_ALLOW", args: null, includes: {} },
      { names: ["write", "nobody_knows_this"], action: "SCMP_ACT_ALLOW" },
      { names: [], action: "SCMP_ACT_ALLOW" },
      { name: "", names: ["close"], action: "SCMP_ACT_ALLOW" },
    ],
  };
  assert.deepEqual(inForce(profile), {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 38,
    syscalls: [
      { names: ["read"], action: "SCMP_ACT_ALLOW", args: null },
      { names: ["write", "nobody_knows_this"], action: "SCMP_ACT_ALLOW" },
      { names: ["close"], action: "SCMP_ACT_ALLOW" },
    ],
  });
  assert.deepEqual(parse({ defaultAction: "SCMP_ACT_ALLOW" }).syscalls, []);
});

test("a rule in docker's form applies by capabilities, architecture and kernel", () => {
  const conditions: readonly (readonly [object, boolean])[] = [
    [{ includes: { caps: ["CAP_SYS_ADMIN"] } }, true],
    [{ includes: { caps: ["CAP_SYS_ADMIN", "CAP_BPF"] } }, false],
    [{ excludes: { caps: ["CAP_BPF", "CAP_KILL"] } }, false],
    [{ excludes: { caps: ["CAP_BPF"] } }, true],
    [{ includes: { arches: ["amd64", "x32"] } }, true],
    [{ includes: { arches: ["s390x"] } }, false],
    [{ excludes: { arches: ["amd64"] } }, false],
    [{ includes: { minKernel: "4.8" } }, true],
    [{ includes: { minKernel: "5.11" } }, false],
    [{ excludes: { minKernel: "4.8" } }, false],
    [{ includes: { caps: ["CAP_KILL"] }, excludes: { arches: ["arm64"] } }, true],
    [{ includes: {}, excludes: {} }, true],
  ];
  for (const [condition, isThere] of conditions) {
    const rule = { names: ["bpf"], action: "SCMP_ACT_ALLOW" };
    const { syscalls } = inForce({ defaultAction: "SCMP_ACT_ERRNO", syscalls: [{ ...rule, ...condition }] });
    assert.deepEqual(syscalls, isThere ? [rule] : [], JSON.stringify(condition));
  }
});

test("the architectures of a profile in docker's form are those of this machine", () => {
  const archMap = [
    { architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_ARM"] },
    { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] },
    { architecture: "SCMP_ARCH_RISCV64", subArchitectures: null },
  ];
  const profile = { defaultAction: "SCMP_ACT_ERRNO", archMap };
  const on = (architecture: string) => inForce(profile, { ...here, architecture }).architectures;
  assert.deepEqual(on("x64"), ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]);
  assert.deepEqual(on("riscv64"), ["SCMP_ARCH_RISCV64"]);
  assert.equal(on("s390x"), undefined);
  assert.throws(
    () => parse({ ...profile, architectures: ["SCMP_ARCH_X86"] }),
    /both architectures and archMap/,
  );
});

test("errors in a profile have its path", () => {
  const allow = { action: "SCMP_ACT_ALLOW" };
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [[], /^it must be an object$/],
    [{}, /^defaultAction must be a text$/],
    [{ defaultAction: "A", syscalls: {} }, /^syscalls must be a list$/],
    [{ defaultAction: "A", syscalls: [{ name: "read" }] }, /^syscalls\[0\]\.action must be a string$/],
    [{ defaultAction: "A", syscalls: [{ ...allow, names: [1] }] }, /^syscalls\[0\]\.names must be a list/],
    [
      { defaultAction: "A", syscalls: [{ ...allow, names: ["read"], includes: { moon: "full" } }] },
      /^syscalls\[0\]\.includes\.moon is not known$/,
    ],
    [
      { defaultAction: "A", syscalls: [{ ...allow, names: ["read"], excludes: { minKernel: "new" } }] },
      /^syscalls\[0\]\.excludes\.minKernel must be a release/,
    ],
    [
      { defaultAction: "A", syscalls: [{ ...allow, names: ["read"], name: "write" }] },
      /^syscalls\[0\] must not have both name and names$/,
    ],
  ];
  for (const [profile, message] of wrong) assert.throws(() => parse(profile), { message });
});
