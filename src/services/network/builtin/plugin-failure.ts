import { messageOf } from "../../../ground/errors/index.ts";
import { NetworkError } from "../network-error.ts";

/** What a plugin program would have said; the chain adds its name and command. */
export class PluginFailure extends Error {}

/** As of a program that failed. */
export function asNetworkError(error: unknown, type: string, command: string): NetworkError {
  if (error instanceof NetworkError) return error;
  return new NetworkError(
    "Internal",
    `the built-in CNI plugin ${type} failed at ${command}: ${messageOf(error)}`,
    { cause: error },
  );
}
