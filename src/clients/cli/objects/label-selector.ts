import { type LabelSelector, selects } from "../../manifests/index.ts";
import { usageError } from "../errors.ts";
import { type ListedObject, memberAt } from "./manager-calls.ts";

type Requirement = NonNullable<LabelSelector["matchExpressions"]>[number];

/**
 * Parses a selector as kubectl does: `app=web,tier!=test,zone in (a,b),!old`. Returns a test for objects with
 * such labels. Throws CliError.
 */
export function parseSelector(text: string): (object: ListedObject) => boolean {
  // Commas in parentheses separate the values of a set.
  const matchExpressions = text.split(/,(?![^(]*\))/).map((part) => requirementOf(part.trim()) ?? fail(text));
  return ({ object }) => {
    const labels = memberAt(object, "metadata", "labels") ?? {};
    return selects({ matchExpressions }, labels as Readonly<Record<string, string>>);
  };
}

function requirementOf(part: string): Requirement | undefined {
  const [, absent, name] = /^(!?)([\w./-]+)$/.exec(part) ?? [];
  if (name !== undefined) return { key: name, operator: absent === "!" ? "DoesNotExist" : "Exists" };
  const [, key, sign, value] = /^([\w./-]+) *(==?|!=) *([\w.-]*)$/.exec(part) ?? [];
  if (key !== undefined) return { key, operator: sign === "!=" ? "NotIn" : "In", values: [value ?? ""] };
  const [, setKey, word, values] = /^([\w./-]+) +(in|notin) *\(([\w., -]*)\)$/.exec(part) ?? [];
  if (setKey === undefined) return undefined;
  return {
    key: setKey,
    operator: word === "in" ? "In" : "NotIn",
    values: (values ?? "").split(",").map((one) => one.trim()),
  };
}

function fail(text: string): never {
  throw usageError(`${JSON.stringify(text)} is not a selector such as app=web,tier!=test`);
}
