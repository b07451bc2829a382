import { KeyValue } from "../../../ground/protocol/index.ts";
import { usageError } from "../errors.ts";
import type { Io } from "../invocation.ts";

/** `KEY=VALUE`, or `KEY` for the value that our own environment has. Throws CliError. */
export function parseEnv(text: string, environment: Io["env"]): KeyValue {
  const equals = text.indexOf("=");
  const key = equals === -1 ? text : text.slice(0, equals);
  if (key === "") throw usageError(`--env ${JSON.stringify(text)} is neither KEY=VALUE nor KEY`);
  const value = equals === -1 ? environment[key] : text.slice(equals + 1);
  if (value === undefined) throw usageError(`--env ${key}: not set in our environment; use ${key}=VALUE`);
  return KeyValue.fromPartial({ key, value: Buffer.from(value) });
}
