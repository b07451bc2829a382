import type { Pattern } from "../../../ground/patterns/index.ts";
import type { OciHook, OciHookStage } from "../spec/types.ts";

/** One file of a hooks directory (oci-hooks(5) of containers/common, versions 1.0.0 and 0.1.0). */
export type HookDefinition = UsableHook | BrokenHook;

export type UsableHook = {
  readonly kind: "usable";
  readonly file: string;
  readonly when: HookConditions;
  readonly hook: OciHook;
  readonly stages: readonly OciHookStage[];
};

/** A hook that cannot be run; `when` may still say for which containers it was meant. */
export type BrokenHook = {
  readonly kind: "broken";
  readonly file: string;
  readonly when: HookConditions;
  readonly problem: string;
};

/** A hook's conditions, and a function for the rest, which throws if that is invalid. */
export type ParsedHook = {
  readonly when: HookConditions;
  readonly action: () => Pick<UsableHook, "hook" | "stages">;
};

/** When a hook runs: for containers for which all (version 0.1.0: any) of its conditions are true. */
export type HookConditions = {
  readonly needed: "all" | "any";
  readonly conditions: readonly HookCondition[];
};

export type HookCondition =
  | { readonly kind: "always"; readonly value: boolean }
  /** Key and value of an annotation match. */
  | { readonly kind: "annotation"; readonly key: Pattern; readonly value: Pattern }
  /** The first word of the command matches one of them. */
  | { readonly kind: "commands"; readonly patterns: readonly Pattern[] }
  /** The client requested a directory or file of the host. */
  | { readonly kind: "hasBindMounts"; readonly value: boolean }
  /** One that could not be read, and why. */
  | { readonly kind: "unreadable"; readonly problem: string };

/** The input of the conditions. */
export type HookSubject = {
  readonly annotations: Readonly<Record<string, string>>;
  readonly command: string;
  readonly hasBindMounts: boolean;
};

/** Whether the hook applies to such a container: "unknown" only if the readable conditions leave it open. */
export function isFor(
  { needed, conditions }: HookConditions,
  subject: HookSubject,
): "yes" | "no" | "unknown" {
  const verdicts = conditions.map((condition) => isTrue(condition, subject));
  // One of these decides on its own.
  const deciding = needed === "any";
  if (verdicts.includes(deciding)) return deciding ? "yes" : "no";
  if (verdicts.includes("unknown")) return "unknown";
  return deciding ? "no" : "yes";
}

function isTrue(condition: HookCondition, subject: HookSubject): boolean | "unknown" {
  switch (condition.kind) {
    case "always":
      return condition.value;
    case "annotation":
      return Object.entries(subject.annotations).some(
        ([key, value]) => condition.key.test(key) && condition.value.test(value),
      );
    case "commands":
      return condition.patterns.some((pattern) => pattern.test(subject.command));
    case "hasBindMounts":
      return condition.value === subject.hasBindMounts;
    case "unreadable":
      return "unknown";
  }
}
