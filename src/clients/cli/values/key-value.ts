import { usageError } from "../errors.ts";

/**
 * Parses `KEY=VALUE` items to a record; a value may be empty, a key may not. Throws CliError that names
 * `what`.
 */
export function parseKeyValues(items: readonly string[], what: string): Record<string, string> {
  return Object.fromEntries(
    items.map((item) => {
      const equals = item.indexOf("=");
      if (equals < 1) throw usageError(`${what} ${JSON.stringify(item)} must be KEY=VALUE`);
      return [item.slice(0, equals), item.slice(equals + 1)];
    }),
  );
}
