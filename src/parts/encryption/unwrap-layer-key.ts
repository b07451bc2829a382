import { messageOf } from "../../ground/errors/index.ts";
import { isRecord } from "../../ground/json/index.ts";
import { askCommand } from "./ask-command.ts";
import { askService } from "./ask-service.ts";
import { type EncryptedLayer, type Recipient, recipientsOf } from "./encrypted-layer.ts";
import { EncryptionError } from "./encryption-error.ts";
import type { KeyProvider, KeyProviders } from "./key-providers.ts";
import { type LayerKey, layerKeyOf } from "./layer-key.ts";

/** Of each layer; whoever makes an image could otherwise have a node ask as often as it likes. */
const maxQuestions = 16;

/**
 * The key of a layer, from the first provider that unwraps it. Throws EncryptionError: Unimplemented when
 * none of its recipients is a provider that is known, else what kept the last one from it; and the signal's
 * reason.
 */
export async function unwrapLayerKey(
  layer: EncryptedLayer,
  providers: KeyProviders,
  signal: AbortSignal,
): Promise<LayerKey> {
  const questions = recipientsOf(layer).flatMap((recipient) => questionsTo(recipient, providers));
  if (questions.length === 0) throw unreadable(layer, providers);
  const failures: EncryptionError[] = [];
  for (const { name, provider, wrapped } of questions.slice(0, maxQuestions)) {
    try {
      return layerKeyOf(layer, await ask(provider, wrapped, signal));
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof EncryptionError)) throw error;
      failures.push(
        new EncryptionError(error.code, `the key provider ${JSON.stringify(name)}: ${error.message}`),
      );
    }
  }
  const why = [...new Set(failures.map(messageOf))].join("; ");
  throw new EncryptionError(
    failures.at(-1)?.code ?? "FailedPrecondition",
    `layer ${layer.digest} is encrypted, and its key cannot be had: ${why}`,
  );
}

type Question = { readonly name: string; readonly provider: KeyProvider; readonly wrapped: string };

function questionsTo({ provider: name, wrapped }: Recipient, providers: KeyProviders): readonly Question[] {
  const provider = name === undefined ? undefined : providers.get(name);
  if (name === undefined || provider === undefined) return [];
  return wrapped.split(",").map((each) => ({ name, provider, wrapped: each }));
}

function unreadable(layer: EncryptedLayer, providers: KeyProviders): EncryptionError {
  const names = recipientsOf(layer).map(({ called }) => called);
  const who = names.length === 0 ? "nobody that its annotations name" : names.join(" and ");
  const known = [...providers.keys()].map((name) => JSON.stringify(name)).join(", ");
  const remedy = known === "" ? "none is configured (images.key_providers)" : `configured are ${known}`;
  return new EncryptionError(
    "Unimplemented",
    `layer ${layer.digest} is encrypted for ${who}; only key providers can decrypt it here, and ${remedy}: ` +
      "add the provider, or decrypt the image where the key is (`skopeo copy --decryption-key`) and push what comes out",
  );
}

/** The question and the answer of ocicrypt's key provider protocol, which are JSON with bytes as base64. */
async function ask(provider: KeyProvider, wrapped: string, signal: AbortSignal): Promise<Uint8Array> {
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
