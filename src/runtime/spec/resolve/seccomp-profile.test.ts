import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSeccompProfile } from "./seccomp-profile.ts";

const parse = (profile: unknown) => parseSeccompProfile(JSON.stringify(profile));

test("a profile is read with one name in a rule as with several, and with what only OCI runtimes know", () => {
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
  assert.deepEqual(parse(profile), {
    ...profile,
    syscalls: [
      { names: ["read"], action: "SCMP_ACT_ALLOW", args: null, includes: {} },
      { names: ["write", "nobody_knows_this"], action: "SCMP_ACT_ALLOW" },
      { names: ["close"], action: "SCMP_ACT_ALLOW" },
    ],
  });
  assert.deepEqual(parse({ defaultAction: "SCMP_ACT_ALLOW" }).syscalls, []);
});

test("what is wrong with a profile is said with its path", () => {
  const allow = { action: "SCMP_ACT_ALLOW" };
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [[], /^it must be an object$/],
    [{}, /^defaultAction must be a text$/],
    [{ defaultAction: "A", syscalls: {} }, /^syscalls must be a list$/],
    [{ defaultAction: "A", syscalls: [{ name: "read" }] }, /^syscalls\[0\]\.action must be a text$/],
    [{ defaultAction: "A", syscalls: [{ ...allow, names: [1] }] }, /^syscalls\[0\]\.names must be a list/],
    [
      { defaultAction: "A", syscalls: [{ ...allow, names: ["read"], name: "write" }] },
      /^syscalls\[0\] must not have both name and names$/,
    ],
  ];
  for (const [profile, message] of wrong) assert.throws(() => parse(profile), { message });
});
