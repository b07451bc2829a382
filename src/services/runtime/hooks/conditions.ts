import { messageOf } from "../../../ground/errors/index.ts";
import { compilePattern, type Pattern } from "../../../ground/patterns/index.ts";
import type { HookCondition } from "./hook-definition.ts";
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
      patterns: strings(value, what).map((text) => patternOf(text, what)),
    })),
  ];
}

export function annotation(key: string, value: unknown, what: string): HookCondition {
  return condition(() => {
    if (typeof value !== "string") throw new Error(`${what} must map patterns to patterns`);
    return { kind: "annotation", key: patternOf(key, what), value: patternOf(value, what) };
  });
}

/**
 * Reads a pattern as Go's regexp does, by which podman and CRI-O match the same files (POSIX character
 * classes and all). The texts are chosen by whoever makes a pod: like Go's, and unlike JavaScript's own, this
 * never tries again, and takes a time that grows with the text's length alone. Throws an error with `what`
 * for a pattern that is none.
 */
function patternOf(text: string, what: string): Pattern {
  try {
    return compilePattern(text);
  } catch (cause) {
    throw new Error(`${what}: ${JSON.stringify(text)} is not a regular expression`, { cause });
  }
}
