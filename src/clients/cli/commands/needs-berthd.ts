import { hasCode } from "../../../ground/errors/index.ts";
import { CliError } from "../errors.ts";

/** What another runtime at the endpoint says is told in other words. */
export function needsBerthd(what: string, cause: unknown): unknown {
  if (!hasCode(cause, "Unimplemented")) return cause;
  const message = `${what} needs berthd: CRI has no such call, and this endpoint is served by another runtime`;
  return new CliError("Unimplemented", message, { cause });
}
