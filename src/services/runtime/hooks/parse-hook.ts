import { messageOf } from "../../../ground/errors/index.ts";
import type { HookDefinition, ParsedHook } from "./hook-definition.ts";
import { parseCurrent } from "./parse-current.ts";
import { parseOld } from "./parse-old.ts";
import { table } from "./values.ts";

/**
 * Reads a hook definition's text. One that is not right is `broken`, with what is wrong and with the
 * conditions that could be read.
 */
export function parseHook(text: string, file: string): HookDefinition {
  let parsed: ParsedHook;
  try {
    parsed = parseVersion(JSON.parse(text));
  } catch (error) {
    return brokenHook(file, messageOf(error));
  }
  const { when, action } = parsed;
  try {
    for (const condition of when.conditions) {
      if (condition.kind === "unreadable") throw new Error(condition.problem);
    }
    return { kind: "usable", file, when, ...action() };
  } catch (error) {
    return { kind: "broken", file, when, problem: messageOf(error) };
  }
}

/** A hook of which nothing is known, not even for whom it was meant. */
export function brokenHook(file: string, problem: string): HookDefinition {
  return {
    kind: "broken",
    file,
    when: { needed: "all", conditions: [{ kind: "unreadable", problem }] },
    problem,
  };
}

function parseVersion(value: unknown): ParsedHook {
  const properties = table(value, "the file");
  switch (properties.version) {
    case "1.0.0":
      return parseCurrent(properties);
    // Files from before there were versions say none.
    case "0.1.0":
    case undefined:
      return parseOld(properties);
    default:
      throw new Error(`version must be "1.0.0" or "0.1.0", is ${JSON.stringify(properties.version)}`);
  }
}
