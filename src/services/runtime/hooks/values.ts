/** Reads the values of a hook's file; each throws an error that names the property. */
import { isRecord } from "../../../ground/json/index.ts";
import { type OciHook, type OciHookStage, ociHookStages } from "../spec/types.ts";

/** An object; with `names`, one that has no other properties. */
export function table(
  value: unknown,
  what: string,
  names?: readonly string[],
): Readonly<Record<string, unknown>> {
  if (!isRecord(value)) throw new Error(`${what} must be an object`);
  const unknown = names === undefined ? undefined : Object.keys(value).find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`${what}: unknown property ${JSON.stringify(unknown)}`);
  return { ...value };
}

export function strings(value: unknown, what: string): readonly string[] {
  if (Array.isArray(value) && value.every((each) => typeof each === "string")) return value;
  throw new Error(`${what} must be a list of strings`);
}

export function boolean(value: unknown, what: string): boolean {
  if (typeof value === "boolean") return value;
  throw new Error(`${what} must be true or false`);
}

/** What is run: the runtime-spec's form of a hook. */
export function hookEntry(value: unknown): OciHook {
  const { path, args, env, timeout } = table(value, "hook", ["path", "args", "env", "timeout"]);
  if (typeof path !== "string" || !path.startsWith("/"))
    throw new Error("hook.path must be an absolute path");
  if (timeout !== undefined && !(Number.isInteger(timeout) && Number(timeout) > 0))
    throw new Error("hook.timeout must be a positive whole number of seconds");
  return {
    path,
    ...(args !== undefined && { args: strings(args, "hook.args") }),
    ...(env !== undefined && { env: strings(env, "hook.env") }),
    ...(timeout !== undefined && { timeout: Number(timeout) }),
  };
}

/** When it is run. */
export function stageNames(value: unknown): readonly OciHookStage[] {
  const names = strings(value, "stages");
  if (names.length === 0) throw new Error("stages must not be empty");
  return names.map((name) => {
    const stage = ociHookStages.find((each) => each === name);
    if (stage !== undefined) return stage;
    throw new Error(`stages: ${JSON.stringify(name)} is not one of ${ociHookStages.join(", ")}`);
  });
}
