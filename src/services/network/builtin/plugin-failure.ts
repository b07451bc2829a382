import { codeOf, messageOf } from "../../../ground/errors/index.ts";
import { NetworkError } from "../network-error.ts";

/** The error that a plugin program would have printed; the chain adds its name and command. */
export class PluginFailure extends Error {}

/** The same error as for a program that failed; ResourceExhausted where the machine has no room for it. */
export function asNetworkError(error: unknown, type: string, command: string): NetworkError {
  if (error instanceof NetworkError) return error;
  const code = codeOf(error) === "ResourceExhausted" ? "ResourceExhausted" : "Internal";
  return new NetworkError(code, `the built-in CNI plugin ${type} failed at ${command}: ${messageOf(error)}`, {
    cause: error,
  });
}
