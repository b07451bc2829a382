import { isRecord, readBigints } from "../../../../ground/json/index.ts";
import type { RuleCondition, SeccompFile } from "../seccomp/profile-conditions.ts";
import type { OciSyscallRule } from "../types.ts";

/**
 * Parses a profile in the runtime-spec's format, or in docker's older one, in which a rule has one `name`
 * instead of `names`. A rule without names has no effect, and is left out, since crun rejects it. Docker's
 * conditions on rules (`includes`, `excludes`) and its `archMap` are parsed here, too, since no OCI runtime
 * knows them. Everything else is for the OCI runtime to check: it knows the actions, flags and system calls
 * of its libseccomp. Throws an error with the path of the invalid part.
 */
export function parseSeccompProfile(text: string): SeccompFile {
  const profile = object(JSON.parse(text, readBigints), "it");
  const { defaultAction, syscalls, archMap: map, ...others } = profile;
  if (typeof defaultAction !== "string") throw new Error("defaultAction must be a text");
  const archMap = list(map, "archMap").map((each, index) => mapping(each, `archMap[${index}]`));
  if (archMap.length > 0 && list(others.architectures, "architectures").length > 0)
    throw new Error("it must not have both architectures and archMap");
  const rules = list(syscalls, "syscalls").map((rule, index) => syscallRule(rule, `syscalls[${index}]`));
  return { ...others, defaultAction, archMap, syscalls: rules.filter(({ rule }) => rule.names.length > 0) };
}

function syscallRule(value: unknown, path: string): SeccompFile["syscalls"][number] {
  const { includes, excludes, ...rule } = object(value, path);
  return {
    rule: plainRule(rule, path),
    includes: condition(includes, `${path}.includes`),
    excludes: condition(excludes, `${path}.excludes`),
  };
}

function plainRule(
  { name, names, action, ...rest }: Readonly<Record<string, unknown>>,
  path: string,
): OciSyscallRule {
  if (typeof action !== "string") throw new Error(`${path}.action must be a string`);
  if (name === undefined || name === "") return { ...rest, names: texts(names, `${path}.names`), action };
  if (typeof name !== "string") throw new Error(`${path}.name must be a string`);
  if (texts(names, `${path}.names`).length > 0) throw new Error(`${path} must not have both name and names`);
  return { ...rest, names: [name], action };
}

/**
 * An unknown condition must not be ignored: the rule may allow what others forbid, or forbid what others
 * allow.
 */
function condition(value: unknown, path: string): RuleCondition {
  const { caps, arches, minKernel, ...unknown } =
    value === undefined || value === null ? {} : object(value, path);
  const [stranger] = Object.keys(unknown);
  if (stranger !== undefined) throw new Error(`${path}.${stranger} is not known`);
  return {
    caps: texts(caps, `${path}.caps`),
    arches: texts(arches, `${path}.arches`),
    minKernel: release(minKernel, `${path}.minKernel`),
  };
}

function release(value: unknown, path: string): RuleCondition["minKernel"] {
  if (value === undefined || value === null || value === "") return undefined;
  const [, major, minor] = typeof value === "string" ? (/^(\d+)\.(\d+)$/.exec(value) ?? []) : [];
  if (major === undefined) throw new Error(`${path} must be a release such as "4.8"`);
  return { major: Number(major), minor: Number(minor) };
}

function mapping(value: unknown, path: string): SeccompFile["archMap"][number] {
  const { architecture, subArchitectures } = object(value, path);
  if (typeof architecture !== "string") throw new Error(`${path}.architecture must be a string`);
  return { architecture, subArchitectures: texts(subArchitectures, `${path}.subArchitectures`) };
}

function list(value: unknown, path: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw new Error(`${path} must be a list`);
}

function texts(value: unknown, path: string): readonly string[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.every((each) => typeof each === "string")) return value;
  throw new Error(`${path} must be a list of strings`);
}

function object(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (isRecord(value)) return { ...value };
  throw new Error(`${path} must be an object`);
}
