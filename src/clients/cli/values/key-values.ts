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

/** Parses `KEY=VALUE`, or `KEY` for the value in our own environment. Throws CliError. */
export function parseEnv(
  text: string,
  environment: Io["env"],
): { readonly name: string; readonly value: string } {
  const equals = text.indexOf("=");
  const name = equals === -1 ? text : text.slice(0, equals);
  if (name === "") throw usageError(`--env ${JSON.stringify(text)} is neither KEY=VALUE nor KEY`);
  const own = Object.hasOwn(environment, name) ? environment[name] : undefined;
  const value = equals === -1 ? own : text.slice(equals + 1);
  if (value === undefined) throw usageError(`--env ${name}: not set in our environment; use ${name}=VALUE`);
  return { name, value };
}
