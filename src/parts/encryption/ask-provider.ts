import { isRecord } from "../../ground/json/index.ts";
import { askCommand } from "./ask-command.ts";
import { askService } from "./ask-service.ts";
import { EncryptionError } from "./encryption-error.ts";
import type { KeyProvider } from "./key-providers.ts";

/**
 * Lets a provider unwrap a key, using ocicrypt's key provider protocol: request and response are JSON, with
 * bytes in base64. Throws EncryptionError and the signal's reason.
 */
export async function askProvider(
  provider: KeyProvider,
  wrapped: string,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const question = Buffer.from(
    JSON.stringify({
      op: "keyunwrap",
      keywrapparams: { ec: null, optsdata: null },
      keyunwrapparams: { dc: { Parameters: {} }, annotation: wrapped },
    }),
  );
  const answer =
    provider.kind === "command"
      ? await askCommand(provider, question, signal)
      : await askService(provider, question, signal);
  const results = parse(answer)?.keyunwrapresults;
  const unwrapped = isRecord(results) ? results.optsdata : undefined;
  if (typeof unwrapped === "string" && unwrapped !== "") return Buffer.from(unwrapped, "base64");
  throw new EncryptionError("FailedPrecondition", "its answer has no key");
}

function parse(answer: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(answer).toString("utf8"));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
