import { annotation, commands, condition, flag } from "./conditions.ts";
import type { HookConditions, ParsedHook } from "./hook-definition.ts";
import { hookEntry, stageNames, table } from "./values.ts";

const names = ["always", "annotations", "commands", "hasBindMounts"] as const;

/** Version 1.0.0. */
export function parseCurrent(properties: Readonly<Record<string, unknown>>): ParsedHook {
  return {
    when: conditions(properties.when),
    action: () => {
      const { hook, stages } = table(properties, "the file", ["version", "hook", "when", "stages"]);
      return { hook: hookEntry(hook), stages: stageNames(stages) };
    },
  };
}

function conditions(value: unknown): HookConditions {
  try {
    const { always, annotations = {}, commands: patterns, hasBindMounts } = table(value, "when");
    const read = [
      ...flag("always", always, "when.always"),
      ...annotationConditions(annotations),
      ...commands(patterns, "when.commands"),
      ...flag("hasBindMounts", hasBindMounts, "when.hasBindMounts"),
      // One that is not known may be one that was to keep the hook from a container.
      ...unknownConditions(value),
    ];
    if (read.length === 0) throw new Error(`when must have one of ${names.join(", ")}`);
    return { needed: "all", conditions: read };
  } catch (error) {
    const unreadable = condition(() => {
      throw error;
    });
    return { needed: "all", conditions: [unreadable] };
  }
}

function annotationConditions(value: unknown): HookConditions["conditions"] {
  return Object.entries(table(value, "when.annotations")).map(([key, pattern]) =>
    annotation(key, pattern, "when.annotations"),
  );
}

function unknownConditions(value: unknown): HookConditions["conditions"] {
  const checked = condition(() => {
    table(value, "when", names);
    return { kind: "always", value: true };
  });
  return checked.kind === "unreadable" ? [checked] : [];
}
