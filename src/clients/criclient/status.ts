import type { CommandStatus } from "../../ground/errors/index.ts";
import { commandStatusMetadata } from "../../ground/protocol/index.ts";
import type { GrpcCallError } from "../grpcclient/index.ts";
import { CriClientError } from "./cri-client-error.ts";
import type { ClientHints } from "./explain.ts";

/** Converts an error from the server. */
export function toClientError(
  method: string,
  error: GrpcCallError,
  { timeout }: ClientHints,
): CriClientError {
  const { code, message, origin } = error;
  const name = method.slice(method.lastIndexOf("/") + 1);
  if (origin === "timeout") {
    const hint = timeout === undefined ? "" : `; ${timeout}`;
    return new CriClientError(code, `${name}: no answer in time${hint}`, { cause: error });
  }
  return new CriClientError(code, message === "" ? `${name}: ${code}` : message, {
    cause: error,
    commandStatus: commandStatus(error),
  });
}

function commandStatus({ metadata }: GrpcCallError): CommandStatus | undefined {
  const value = metadata[commandStatusMetadata];
  return value === "126" ? 126 : value === "127" ? 127 : undefined;
}
