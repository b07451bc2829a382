import { annotation, commands, condition, flag } from "./conditions.ts";
import type { HookCondition, ParsedHook } from "./hook-definition.ts";
import { hookEntry, stageNames, strings, table } from "./values.ts";

const names = ["hook", "arguments", "stages", "cmds", "annotations", "hasbindmounts"];
/** Other spellings, in files of the time. */
const singular = { stages: "stage", cmds: "cmd", annotations: "annotation" } as const;

/**
 * Version 0.1.0, which podman and CRI-O still read: the program is a text, its arguments come without the
 * program's own name, annotations are patterns of values whatever the key, and any one condition is enough.
 */
export function parseOld(properties: Readonly<Record<string, unknown>>): ParsedHook {
  const { hook, arguments: args, hasbindmounts } = properties;
  const either = (name: keyof typeof singular) => properties[name] ?? properties[singular[name]];
  return {
    when: {
      needed: "any",
      conditions: [
        ...commands(either("cmds"), "cmds"),
        ...annotationCondition(either("annotations")),
        ...flag("hasBindMounts", hasbindmounts, "hasbindmounts"),
        ...unknownProperty(properties),
      ],
    },
    action: () => {
      for (const [name, other] of Object.entries(singular)) {
        if (properties[name] !== undefined && properties[other] !== undefined)
          throw new Error(`${name} and ${other} mean the same; give only one`);
      }
      const rest = args === undefined ? {} : { args: [hook, ...strings(args, "arguments")] };
      return { hook: hookEntry({ path: hook, ...rest }), stages: stageNames(either("stages")) };
    },
  };
}

/** It may be a condition, or the file one of another version. */
function unknownProperty(properties: Readonly<Record<string, unknown>>): readonly HookCondition[] {
  const checked = condition(() => {
    table(properties, "a file of version 0.1.0", ["version", ...names, ...Object.values(singular)]);
    return { kind: "always", value: false };
  });
  return checked.kind === "unreadable" ? [checked] : [];
}

function annotationCondition(value: unknown): readonly HookCondition[] {
  if (value === undefined) return [];
  return [condition(() => annotation("", strings(value, "annotations").join("|"), "annotations"))];
}
