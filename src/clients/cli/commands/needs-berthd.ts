import { hasCode, messageOf } from "../../../ground/errors/index.ts";
import { CliError } from "../errors.ts";

/**
 * Messages of servers for unknown calls: grpc-go for a service and a method, grpc-js, and tonic with an empty
 * one.
 */
const knowsNoCall =
  /^(unknown (service|method) |The server does not implement the method |[A-Za-z]+: Unimplemented$)/;

/**
 * Translates the error of another runtime that lacks a call. berthd's own Unimplemented errors are specific
 * and stay as they are.
 */
export function needsBerthd(what: string, cause: unknown): unknown {
  if (!hasCode(cause, "Unimplemented") || !knowsNoCall.test(messageOf(cause))) return cause;
  const message = `${what} needs berthd: CRI has no such call, and this endpoint is served by another runtime`;
  return new CliError("Unimplemented", message, { cause });
}
