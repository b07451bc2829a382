import { BerthError, messageOf } from "../../ground/errors/index.ts";
import { compilePattern } from "../../ground/patterns/index.ts";
import { parseFilter, type Selector } from "./parse.ts";

/** The value at a path of a record's fields; undefined where there is none. */
export type FieldOf = (path: readonly string[]) => string | undefined;

/** Whether a record is among those asked for. */
export type Filter = (field: FieldOf) => boolean;

/** Code InvalidArgument. */
export class FilterError extends BerthError {}

/** Throws FilterError for one that is not well formed, with the place. */
export function parseFilters(filters: readonly string[]): Filter {
  if (filters.length === 0) return () => true;
  const alternatives = filters.map(compile);
  return (field) => alternatives.some((matches) => matches(field));
}

function compile(text: string): Filter {
  try {
    const matchers = parseFilter(text).map(matcherOf);
    return (field) => matchers.every((matches) => matches(field));
  } catch (error) {
    throw new FilterError(
      "InvalidArgument",
      `filter ${JSON.stringify(text.slice(0, 256))}: ${messageOf(error)}`,
    );
  }
}

/** Throws for a regular expression that is none. */
function matcherOf(selector: Selector): Filter {
  const { path } = selector;
  switch (selector.operator) {
    case undefined:
      return (field) => field(path) !== undefined;
    case "==":
      return (field) => field(path) === selector.value;
    // A field that is not there has the value "" to these two, as in containerd.
    case "!=":
      return (field) => (field(path) ?? "") !== selector.value;
    case "~=": {
      const pattern = compilePattern(selector.value);
      return (field) => pattern.test(field(path) ?? "");
    }
  }
}

/** The value at `labels.REST`: dots in a label's name need no quotes. */
export function fieldOfLabels(
  labels: Readonly<Record<string, string>>,
  path: readonly string[],
): string | undefined {
  const name = path.join(".");
  return Object.hasOwn(labels, name) ? labels[name] : undefined;
}
