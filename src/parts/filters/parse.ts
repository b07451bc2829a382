import { Cursor } from "./cursor.ts";

/** One condition; without an operator that the field is there. */
export type Selector =
  | { readonly path: readonly string[]; readonly operator: undefined }
  | { readonly path: readonly string[]; readonly operator: Operator; readonly value: string };

type Operator = "==" | "!=" | "~=";

/**
 * Reads one filter; "" is no selector. Throws an error with the place of what is not well formed.
 *
 *     filter   := selector ("," selector)*
 *     selector := path [operator value]
 *     path     := field ("." field)*
 *     field    := quoted | [A-Za-z0-9_]+
 *     value    := quoted | what is neither a comma nor white space
 *
 * Quotes are `"` with Go's escapes; a value of `~=` may also stand between `/` or `|`.
 */
export function parseFilter(text: string): readonly Selector[] {
  if (text === "") return [];
  const cursor = new Cursor(text);
  const selectors = [readSelector(cursor)];
  while (!cursor.atEnd()) {
    if (!cursor.take(",")) cursor.fail('expected ","');
    selectors.push(readSelector(cursor));
  }
  return selectors;
}

function readSelector(cursor: Cursor): Selector {
  const path = [readField(cursor)];
  while (cursor.take(".")) path.push(readField(cursor));
  if (cursor.atEnd() || cursor.sees(",")) return { path, operator: undefined };
  const operator = readOperator(cursor);
  const value = cursor.quoted(operator === "~=" ? ['"', "/", "|"] : ['"']) ?? cursor.word(isValueCharacter);
  if (value === undefined) return cursor.fail("expected a value");
  return { path, operator, value };
}

function readField(cursor: Cursor): string {
  return cursor.quoted(['"']) ?? cursor.word(isFieldCharacter) ?? cursor.fail("expected a field");
}

function readOperator(cursor: Cursor): Operator {
  for (const operator of ["==", "!=", "~="] as const) if (cursor.take(operator)) return operator;
  return cursor.fail('expected "==", "!=" or "~="');
}

function isFieldCharacter(character: string): boolean {
  return /^\w$/.test(character);
}

/** What is left are letters, digits, punctuation and symbols. */
function isValueCharacter(character: string): boolean {
  return character !== "," && !/^[\s\p{C}]$/u.test(character);
}
