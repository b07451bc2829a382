import { messageOf } from "../../../ground/errors/index.ts";
import type { HookCondition } from "./hook-definition.ts";
import { compilePattern } from "./pattern.ts";
import { boolean, strings } from "./values.ts";

/** One condition, or that it cannot be read: the others may say enough. */
export function condition(read: () => HookCondition): HookCondition {
  try {
    return read();
  } catch (error) {
    return { kind: "unreadable", problem: messageOf(error) };
  }
}

export function flag(
  kind: "always" | "hasBindMounts",
  value: unknown,
  what: string,
): readonly HookCondition[] {
  if (value === undefined) return [];
  return [condition(() => ({ kind, value: boolean(value, what) }))];
}

export function commands(value: unknown, what: string): readonly HookCondition[] {
  if (value === undefined) return [];
  return [
    condition(() => ({
      kind: "commands",
      patterns: strings(value, what).map((text) => compilePattern(text, what)),
    })),
  ];
}

export function annotation(key: string, value: unknown, what: string): HookCondition {
  return condition(() => {
    if (typeof value !== "string") throw new Error(`${what} must map patterns to patterns`);
    return { kind: "annotation", key: compilePattern(key, what), value: compilePattern(value, what) };
  });
}
