import { hasCode, messageOf } from "../../../ground/errors/index.ts";
import { CliError } from "../errors.ts";

/** What servers say that know no such call: grpc-go of a service and a method, grpc-js, and tonic nothing. */
const knowsNoCall =
  /^(unknown (service|method) |The server does not implement the method |[A-Za-z]+: Unimplemented$)/;

/**
 * What another runtime at the endpoint says is told in other words. berthd itself may say that it cannot do
 * something, and says what.
 */
export function needsBerthd(what: string, cause: unknown): unknown {
  if (!hasCode(cause, "Unimplemented") || !knowsNoCall.test(messageOf(cause))) return cause;
  const message = `${what} needs berthd: CRI has no such call, and this endpoint is served by another runtime`;
  return new CliError("Unimplemented", message, { cause });
}
