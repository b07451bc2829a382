import { usageError } from "../errors.ts";
import type { Io } from "../invocation.ts";

/** Parses `KEY=VALUE`, or `KEY` for the value in our own environment. Throws CliError. */
export function parseEnv(
  text: string,
  environment: Io["env"],
): { readonly name: string; readonly value: string } {
  const equals = text.indexOf("=");
  const name = equals === -1 ? text : text.slice(0, equals);
  if (name === "") throw usageError(`--env ${JSON.stringify(text)} is neither KEY=VALUE nor KEY`);
  const value = equals === -1 ? environment[name] : text.slice(equals + 1);
  if (value === undefined) throw usageError(`--env ${name}: not set in our environment; use ${name}=VALUE`);
  return { name, value };
}
