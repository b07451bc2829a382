import { RuntimeError } from "../runtime-error.ts";
import { type OciHook, type OciHookStage, ociHookStages } from "../spec/types.ts";
import { compilePattern } from "./extended-pattern.ts";
import type { HookDefinition } from "./hook-definition.ts";

/** Reads a hook definition's text. Throws RuntimeError FailedPrecondition that names the file and what is wrong in it. */
export function parseHook(text: string, file: string): HookDefinition {
  try {
    return definition(JSON.parse(text), file);
  } catch (cause) {
    throw new RuntimeError("FailedPrecondition", `OCI hook ${file}: cannot be used; correct or remove it`, {
      cause,
    });
  }
}

function definition(value: unknown, file: string): HookDefinition {
  const { version, hook, when, stages } = table(value, "the file", ["version", "hook", "when", "stages"]);
  if (version !== "1.0.0") throw new Error(`version must be "1.0.0", is ${JSON.stringify(version)}`);
  return { file, hook: hookEntry(hook), when: conditions(when), stages: stageNames(stages) };
}

function hookEntry(value: unknown): OciHook {
  const { path, args, env, timeout } = table(value, "hook", ["path", "args", "env", "timeout"]);
  if (typeof path !== "string" || !path.startsWith("/"))
    throw new Error("hook.path must be an absolute path");
  if (timeout !== undefined && !(Number.isInteger(timeout) && Number(timeout) > 0))
    throw new Error("hook.timeout must be a whole number of seconds above 0");
  return {
    path,
    ...(args !== undefined && { args: strings(args, "hook.args") }),
    ...(env !== undefined && { env: strings(env, "hook.env") }),
    ...(timeout !== undefined && { timeout: Number(timeout) }),
  };
}

function conditions(value: unknown): HookDefinition["when"] {
  const names = ["always", "annotations", "commands", "hasBindMounts"] as const;
  const { always, annotations, commands, hasBindMounts } = table(value, "when", names);
  const when = {
    ...(always !== undefined && { always: boolean(always, "when.always") }),
    ...(annotations !== undefined && { annotations: patternPairs(annotations) }),
    ...(commands !== undefined && {
      commands: strings(commands, "when.commands").map((text) => compilePattern(text, "when.commands")),
    }),
    ...(hasBindMounts !== undefined && { hasBindMounts: boolean(hasBindMounts, "when.hasBindMounts") }),
  };
  if (Object.keys(when).length === 0) throw new Error(`when must have one of ${names.join(", ")}`);
  return when;
}

function patternPairs(value: unknown): readonly { readonly key: RegExp; readonly value: RegExp }[] {
  return Object.entries(table(value, "when.annotations")).map(([key, pattern]) => {
    if (typeof pattern !== "string") throw new Error("when.annotations must map patterns to patterns");
    return {
      key: compilePattern(key, "when.annotations"),
      value: compilePattern(pattern, "when.annotations"),
    };
  });
}

function stageNames(value: unknown): readonly OciHookStage[] {
  const names = strings(value, "stages");
  if (names.length === 0) throw new Error("stages must not be empty");
  return names.map((name) => {
    const stage = ociHookStages.find((each) => each === name);
    if (stage !== undefined) return stage;
    throw new Error(`stages: ${JSON.stringify(name)} is none of ${ociHookStages.join(", ")}`);
  });
}

function table(value: unknown, what: string, names?: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Error(`${what} must be an object`);
  const unknown = names === undefined ? undefined : Object.keys(value).find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`${what}: unknown property ${JSON.stringify(unknown)}`);
  return { ...value };
}

function strings(value: unknown, what: string): readonly string[] {
  if (Array.isArray(value) && value.every((each) => typeof each === "string")) return value;
  throw new Error(`${what} must be a list of strings`);
}

function boolean(value: unknown, what: string): boolean {
  if (typeof value === "boolean") return value;
  throw new Error(`${what} must be true or false`);
}
