import type { OciSeccomp, OciSyscallRule } from "../types.ts";

/**
 * Reads a profile in the runtime-spec's form, or in docker's older one, in which a rule has one `name` in place of `names`. A
 * rule without any is about nothing, and left out, for crun refuses it. What else is in it is the OCI runtime's to check: it
 * knows the actions, flags and system calls of its libseccomp. Throws an error with the path of what is wrong.
 */
export function parseSeccompProfile(text: string): OciSeccomp {
  const profile = object(JSON.parse(text), "it");
  const { defaultAction, syscalls } = profile;
  if (typeof defaultAction !== "string") throw new Error("defaultAction must be a text");
  if (syscalls === undefined || syscalls === null) return { ...profile, defaultAction, syscalls: [] };
  if (!Array.isArray(syscalls)) throw new Error("syscalls must be a list");
  const rules = syscalls.map((rule, index) => syscallRule(rule, `syscalls[${index}]`));
  return { ...profile, defaultAction, syscalls: rules.filter(({ names }) => names.length > 0) };
}

function syscallRule(value: unknown, path: string): OciSyscallRule {
  const { name, names, action, ...rest } = object(value, path);
  if (typeof action !== "string") throw new Error(`${path}.action must be a text`);
  if (name === undefined || name === "") return { ...rest, names: namesOf(names, path), action };
  if (typeof name !== "string") throw new Error(`${path}.name must be a text`);
  if (namesOf(names, path).length > 0) throw new Error(`${path} must not have both name and names`);
  return { ...rest, names: [name], action };
}

function namesOf(value: unknown, path: string): readonly string[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.every((each) => typeof each === "string")) return value;
  throw new Error(`${path}.names must be a list of texts`);
}

function object(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  throw new Error(`${path} must be an object`);
}
