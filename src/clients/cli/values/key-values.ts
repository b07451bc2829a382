import { usageError } from "../errors.ts";
import type { Io } from "../invocation.ts";

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

/**
 * Parses `KEY=VALUE` items, or `KEY` for the value in our own environment; as with docker, one that is not
 * set there is left out. Throws CliError.
 */
export function parseEnv(
  items: readonly string[],
  environment: Io["env"],
): readonly { readonly name: string; readonly value: string }[] {
  return items.flatMap((item) => {
    const equals = item.indexOf("=");
    const name = equals === -1 ? item : item.slice(0, equals);
    if (name === "") throw usageError(`--env ${JSON.stringify(item)} is neither KEY=VALUE nor KEY`);
    const own = Object.hasOwn(environment, name) ? environment[name] : undefined;
    const value = equals === -1 ? own : item.slice(equals + 1);
    return value === undefined ? [] : [{ name, value }];
  });
}
