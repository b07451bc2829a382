import { BerthError, messageOf } from "../../ground/errors/index.ts";
import type { Filter } from "./filter.ts";
import { matcherOf } from "./matcher.ts";
import { parseFilter } from "./parse.ts";

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
